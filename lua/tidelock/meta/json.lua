---@meta
--- tidelock.core.json: strict JSON (RFC 8259). Refused as well: a key that is twice in an object, a
--- NUL or half of a surrogate pair in a string, a byte order mark, more than 64 levels, more than
--- 16 MiB, a number of more than 128 characters or beyond a double's range.

---@class tidelock.core.json
---@field array table      the metatable of every list, so that [] and {} can be told apart
---@field integer table    the metatable of an integer beyond 2^53: { "18446744073709551615" }
---@field null lightuserdata  a null in a list; in an object the key is absent
local json = {}

---Why a text is not JSON, and where: lines and columns count from 1, columns in characters; lists in
---the path count from 0, "mounts[0].options"; a key that is no plain word is quoted:
---annotations["a.b"].
---@class tidelock.core.json.Error
---@field line integer
---@field column integer
---@field why string
---@field path string  as far as it was read, "" at the top

---The value of a JSON text. What is at a raw path (keys of objects, joined by dots) is checked like
---the rest and handed over as its text, uninterpreted.
---@param text string
---@param options { raw: table<string, true>? }?
---@return any? value
---@return tidelock.core.json.Error?
function json.decode(text, options) end
