--- The files of the box as they will be, known before the box exists: which paths there are, what
---holds them, and what must be made so that a mount has a place. init resolves every path again,
---on descriptors; this is for early errors and for the reports, and nothing rests on it.
local M = {}

local Tree = {}
Tree.__index = Tree

local MAX_LINKS = 40
local OPAQUE = { opaque = true, type = "unknown" }

---@param facts table
---@param root table what holds the root: { host = directory or nil, creatable = boolean }
---@return table tree
function M.new(facts, root)
  root.type = "dir"
  return setmetatable({ facts = facts, root = root, at = {}, covers = {} }, Tree)
end

local function push(todo, path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part ~= "." then parts[#parts + 1] = part end
  end
  for i = #parts, 1, -1 do todo[#todo + 1] = parts[i] end
end

--- One component further: what is there, or the text of a symbolic link, or nil.
local function child(tree, back, path, name)
  local entry = tree.at[path]
  if entry then
    if entry.kind == "symlink" then return nil, entry.to end
    return entry.backing
  end
  if back.opaque then return OPAQUE end
  if not back.host or back.type ~= "dir" then return nil end
  local full = (back.host == "/" and "" or back.host) .. "/" .. name
  local stat = tree.facts.lstat(full)
  if not stat then return nil end
  if stat.type == "link" then return nil, tree.facts.readlink(full) end
  return { host = full, type = stat.type, creatable = back.creatable, mount = back.mount }
end

-- Paths of mounts are resolved ones, so that below one of them a name is found in one step.
local function in_one_step(tree, path)
  local entry = tree.at[path]
  if entry and entry.backing then return { path = path, back = entry.backing } end
  local parent, name = path:match("^(.*)/([^/]+)$")
  if not parent or name == ".." then return nil end
  local back = tree.root
  if parent ~= "" then
    local above = tree.at[parent]
    back = above and above.backing
    if not back then return nil end
  end
  local here, link = child(tree, back, path, name)
  if here then return { path = path, back = here } end
  if link then return nil end
  return { path = path, missing = { name }, parent = parent, back = back }
end

--- Follows a path through the mounts placed so far.
---@param path string an absolute path inside
---@return table found { path, back (what is there), missing = names not there or nil, parent }
function Tree:resolve(path)
  return in_one_step(self, path) or self:walk(path)
end

--- The same, name by name.
---@param path string
---@return table found
function Tree:walk(path)
  local paths, backs, depth, links = { [0] = "" }, { [0] = self.root }, 0, 0
  local todo = {}
  push(todo, path)
  while #todo > 0 do
    local name = table.remove(todo)
    if name == ".." then
      depth = math.max(depth - 1, 0)
    else
      local full = paths[depth] .. "/" .. name
      local back, link = child(self, backs[depth], full, name)
      if link and links < MAX_LINKS then
        links = links + 1
        if link:sub(1, 1) == "/" then depth = 0 end
        push(todo, link)
      elseif back then
        depth = depth + 1
        paths[depth], backs[depth] = full, back
      else
        local missing = { name }
        for i = #todo, 1, -1 do missing[#missing + 1] = todo[i] end
        return {
          path = paths[depth] .. "/" .. table.concat(missing, "/"),
          missing = missing, parent = paths[depth], back = backs[depth],
        }
      end
    end
  end
  return { path = depth == 0 and "/" or paths[depth], back = backs[depth] }
end

local function backing(entry)
  local kind = entry.kind
  if kind == "bind" then
    local type = entry.file and "file" or "dir"
    return { host = entry.real or entry.source, type = type, mount = entry }
  elseif kind == "overlay" then
    return { host = entry.real or entry.source, type = "dir", creatable = true, mount = entry }
  elseif kind == "tmpfs" or kind == "dir" then
    return { type = "dir", creatable = true, mount = entry }
  elseif kind == "file" then
    return { type = "file" }
  end
  return { opaque = true, type = "dir", mount = entry }
end

--- Records an entry at a resolved path.
function Tree:add(path, entry)
  entry.target = path
  entry.backing = entry.kind ~= "symlink" and backing(entry) or nil
  self.at[path] = entry
  if entry.kind == "dir" or entry.kind == "file" or entry.kind == "symlink" then return end
  local parent = path:match("^(.*)/[^/]*$")
  while parent ~= "" and not self.covers[parent] do
    self.covers[parent] = entry
    parent = parent:match("^(.*)/[^/]*$")
  end
end

--- Notes the directories, or the file, that init will make as the place of a mount.
---@param found table from resolve
---@param is_file boolean what the last name is
---@return boolean made false: what holds the place is not ours to write in
function Tree:make(found, is_file)
  if not found.missing then return true end
  if not found.back.creatable or found.back.type ~= "dir" then return false end
  local path, last = found.parent, #found.missing
  for i, name in ipairs(found.missing) do
    path = path .. "/" .. name
    self:add(path, { kind = i == last and is_file and "file" or "dir" })
  end
  return true
end

return M
