#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../sys/clock.h"
#include "../sys/fd.h"
#include "../sys/kernel.h"
#include "../sys/raw.h"
#include "cgroup_op.h"
#include "device_filter.h"
#include "early.h"
#include "enter.h"
#include "image.h"
#include "link.h"
#include "terminal.h"
#include "userns.h"

#define RENDEZVOUS_SECONDS 60

struct walk {
	const struct tl_launch *launch;
	const struct tl_plan *plan;
	struct tl_box *box;
	struct tl_spawn *spawn; /* the caller's or our own */
	int slots[TL_PLAN_MAX_SLOTS +
		  2]; /* plan and page, then the slots; owned, -1 where closed */
	int userns;
	int into; /* the cgroup to begin in, one of the slots, or -1 */
	long call;
	struct tl_fault *fault; /* the caller's */
};

/* Where slot 0 stands among what is handed to init. */
enum { SEALED_PLAN, PAGE, SLOT0 };

static int note(struct walk *w, long call, int ret)
{
	w->call = call;
	return ret < 0 ? -errno : ret;
}

static int own_slot(struct walk *w, uint32_t slot, int fd)
{
	if (fd < 0)
		return fd;
	w->slots[SLOT0 + slot] = fd;
	return 0;
}

static int do_open_tree(struct walk *w, const struct tl_op_open_tree *op)
{
	unsigned flags =
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->recursive ? AT_RECURSIVE : 0);

	return own_slot(w, op->slot,
			note(w, SYS_open_tree,
			     open_tree(AT_FDCWD, tl_plan_at(w->plan, op->path), flags)));
}

static int check_type(int fd, uint32_t expect, uint32_t rdev)
{
	struct stat st;

	if (expect == TL_EXPECT_ANY)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (expect == TL_EXPECT_DIR && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (expect == TL_EXPECT_FILE && S_ISDIR(st.st_mode))
		return -EISDIR;
	if (expect == TL_EXPECT_CHAR &&
	    (!S_ISCHR(st.st_mode) ||
	     (major(st.st_rdev) << 8 | minor(st.st_rdev)) != rdev))
		return -ENODEV;
	return 0;
}

static int do_open_path(struct walk *w, const struct tl_op_open_path *op)
{
	int fd = note(w, SYS_openat,
		      open(tl_plan_at(w->plan, op->path), O_PATH | O_CLOEXEC));
	int ret = own_slot(w, op->slot, fd);

	return ret < 0 ? ret
		       : check_type(w->slots[SLOT0 + op->slot], op->expect, op->rdev);
}

/* A file that says it is a namespace, of the kind that was asked for: setns(2) would take any. */
static int do_open_namespace(struct walk *w, const struct tl_op_open_namespace *op)
{
	autoclose int fd = note(w, SYS_openat,
				open(tl_plan_at(w->plan, op->path),
				     O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
	int kind;

	if (fd < 0)
		return fd;
	kind = note(w, SYS_ioctl, ioctl(fd, NS_GET_NSTYPE));
	if (kind < 0)
		return kind;
	if ((uint64_t)(uint32_t)kind != tl_u64_value(op->flags))
		return -EINVAL;
	return own_slot(w, op->slot, tl_fd_steal(&fd));
}

/* Below a directory that was opened before, and through no link: whoever may write there may swap. */
static int do_open_beneath(struct walk *w, const struct tl_op_open_beneath *op)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	autoclose int fd =
		note(w, SYS_openat2,
		     (int)syscall(SYS_openat2, w->slots[SLOT0 + op->base],
				  tl_plan_at(w->plan, op->path), &how, sizeof(how)));
	int ret;

	if (fd < 0)
		return fd;
	ret = check_type(fd, op->expect, 0);
	if (ret < 0)
		return ret;
	if (!op->tree)
		return own_slot(w, op->slot, tl_fd_steal(&fd));
	return own_slot(w, op->slot,
			note(w, SYS_open_tree,
			     open_tree(fd, "",
				       AT_EMPTY_PATH | OPEN_TREE_CLONE |
					       OPEN_TREE_CLOEXEC |
					       (op->expect == TL_EXPECT_DIR ? AT_RECURSIVE
									    : 0))));
}

/* The plan's namespaces, begun early or now. */
static int begin(struct walk *w, uint64_t flags)
{
	if (w->spawn && w->spawn->flags == flags && (w->spawn->into < 0) == (w->into < 0))
		return 0;
	if (w->spawn)
		tl_spawn_abandon(w->spawn);
	else
		w->spawn = calloc(1, sizeof(*w->spawn));
	tl_early_take(0);
	if (!w->spawn)
		return -ENOMEM;
	tl_spawn_begin(w->spawn, flags, w->into);
	return 0;
}

static int do_clone(struct walk *w, const struct tl_op_clone *op)
{
	struct tl_box *box = w->box;
	int ret = begin(w, tl_u64_value(op->flags));

	if (ret < 0)
		return ret;
	box->pid = tl_spawn_finish(w->spawn, &w->call);
	box->moments[TL_MOMENT_CLONE] = w->spawn->moments[TL_MOMENT_CLONE];
	box->moments[TL_MOMENT_BORN] = w->spawn->moments[TL_MOMENT_BORN];
	if (box->pid < 0)
		return box->pid;
	tl_spawn_take(w->spawn, &box->pidfd, &box->link);
	w->call = SYS_sendmsg;
	return tl_link_send_files(box->link, w->slots, SLOT0 + w->plan->inherited);
}

/*
 * A clone of a shared mount is its peer, here where the box's own mounts are not private yet: what
 * the box mounts below it would be mounted on the host, and the other way round.
 */
static int do_idmap_mount(struct walk *w, const struct tl_op_idmap_mount *op)
{
	int ret;

	if (w->userns < 0)
		w->userns = tl_userns_open(w->box->pid, &w->call);
	if (w->userns < 0)
		return w->userns;
	ret = tl_userns_idmap(w->slots[SLOT0 + op->slot], w->userns, op->attr,
			      op->recursive, &w->call);
	if (ret != -EINVAL)
		return ret;
	/* The file system cannot (virtiofs, overlay before 6.x): readable as the host's ids allow. */
	w->box->not_idmapped = true;
	struct mount_attr set = { .attr_set = op->attr, .propagation = MS_PRIVATE };

	return note(w, SYS_mount_setattr,
		    mount_setattr(w->slots[SLOT0 + op->slot], "",
				  AT_EMPTY_PATH | (op->recursive ? AT_RECURSIVE : 0),
				  &set, sizeof(set)));
}

static int do_enter(struct walk *w)
{
	w->call = SYS_recvmsg;
	return tl_enter_receive(w->box, RENDEZVOUS_SECONDS);
}

static int do_open_file(struct walk *w)
{
	w->call = SYS_recvmsg;
	w->box->file = tl_link_receive_file(w->box->link, RENDEZVOUS_SECONDS);
	return w->box->file < 0 ? w->box->file : 0;
}

static int call_hook(struct walk *w, const struct tl_op_hook *op, bool undo)
{
	w->call = 0;
	if (!w->launch->hook)
		return -ENOSYS;
	return w->launch->hook(w->launch->context, op->index, undo, w->box->pid);
}

static int do_make_cgroup(struct walk *w, const struct tl_op_make_cgroup *op)
{
	if (!w->launch->cgroup)
		return -ENOSYS;
	return own_slot(w, op->slot,
			tl_cgroup_make(w->launch->cgroup, op->slot,
				       tl_plan_at(w->plan, op->path),
				       tl_plan_at(w->plan, op->name),
				       op->enable ? tl_plan_at(w->plan, op->enable)
						  : NULL,
				       &w->call));
}

/* Of cgroup v2 alone: to enter by a write takes it milliseconds (PERFORMANCE: RCU). */
static int do_clone_into(struct walk *w, const struct tl_op_clone_into *op)
{
	w->call = 0;
	w->into = w->slots[SLOT0 + op->slot];
	return 0;
}

static int do_limit_devices(struct walk *w, const struct tl_op_limit_devices *op)
{
	int dir =
		w->launch->cgroup ? tl_cgroup_dir(w->launch->cgroup, op->slot) : -ENOSYS;

	if (dir < 0)
		return dir;
	return tl_device_filter_apply(dir, op->allow,
				      tl_plan_at(w->plan, op->rules.offset),
				      op->rules.size, w->fault->reason, TL_REASON,
				      &w->call);
}

static int do_write_map(struct walk *w, const struct tl_op_write_map *op)
{
	return tl_userns_write_map(w->box->pid, op->kind == TL_MAP_GID,
				   tl_plan_at(w->plan, op->map), op->helper, &w->call);
}

/* Every case casts to the struct that ops.def generated for that code. */
static int carry_out(struct walk *w, const struct tl_record *r)
{
	const void *op = r;

	w->call = 0;
	switch (r->code) {
	case TL_OP_open_tree:
		return do_open_tree(w, op);
	case TL_OP_open_path:
		return do_open_path(w, op);
	case TL_OP_open_beneath:
		return do_open_beneath(w, op);
	case TL_OP_open_namespace:
		return do_open_namespace(w, op);
	case TL_OP_clone:
		return do_clone(w, op);
	case TL_OP_deny_setgroups:
		return tl_userns_deny_setgroups(w->box->pid, &w->call);
	case TL_OP_write_map:
		return do_write_map(w, op);
	case TL_OP_idmap_mount:
		return do_idmap_mount(w, op);
	case TL_OP_oom_score_adj:
		return tl_userns_oom_score_adj(
			w->box->pid, ((const struct tl_op_oom_score_adj *)r)->value,
			&w->call);
	case TL_OP_hook:
		return call_hook(w, op, false);
	case TL_OP_enter:
		return do_enter(w);
	case TL_OP_open_file:
		return do_open_file(w);
	case TL_OP_make_cgroup:
		return do_make_cgroup(w, op);
	case TL_OP_clone_into:
		return do_clone_into(w, (const void *)op);
	case TL_OP_limit_cgroup:
	case TL_OP_give_cgroup:
	case TL_OP_step_aside:
		return tl_cgroup_carry_out(w->launch->cgroup, w->plan, r, &w->call);
	case TL_OP_limit_devices:
		return do_limit_devices(w, op);
	case TL_OP_barrier:
		return tl_link_tell(w->box->link);
	case TL_OP_reach:
		return tl_link_wait(w->box->link, RENDEZVOUS_SECONDS);
	case TL_OP_open_pty:
		return tl_terminal_receive(w->box->link, RENDEZVOUS_SECONDS, &w->box->pty,
					   &w->call);
	default:
		return -ENOSYS;
	}
}

/* The launcher's own lanes, and the child's operations at which the two meet. */
static bool is_ours(const struct tl_record *r)
{
	switch (r->code) {
	case TL_OP_barrier:
	case TL_OP_reach:
	case TL_OP_enter:
	case TL_OP_open_file:
	case TL_OP_open_pty:
		return true;
	default:
		return r->lane == TL_HOST || r->lane == TL_PARENT;
	}
}

static int walk_plan(struct walk *w)
{
	struct tl_fault *fault = w->fault;
	const struct tl_record *ops = tl_plan_ops(w->plan);

	for (uint32_t i = 0; i < w->plan->count; i++) {
		int ret;

		if (!is_ours(&ops[i]))
			continue;
		w->box->times[i].start = raw_tsc();
		ret = carry_out(w, &ops[i]);
		w->box->times[i].end = raw_tsc();
		if (ret >= 0)
			continue;
		fault->index = i;
		fault->error = -ret;
		fault->call = (uint32_t)w->call;
		/* A broken rendezvous is the sound of init's own fault: that is the cause. */
		if (ret == -EPIPE && ops[i].lane == TL_CHILD) {
			tl_box_kill(w->box);
			tl_box_fault(w->box, fault);
		}
		for (uint32_t k = i; k-- > 0;)
			if (ops[k].code == TL_OP_hook)
				call_hook(w, (const void *)&ops[k], true);
		return ret;
	}
	return 0;
}

static int map_page(struct walk *w)
{
	struct tl_box *box = w->box;
	int fd;
	void *p;

	box->page_size =
		sizeof(struct tl_page) + box->count * sizeof(struct tl_span_time);
	fd = w->slots[PAGE] = tl_image_page(box->page_size, &w->call);
	if (fd < 0)
		return fd;
	p = mmap(NULL, box->page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return note(w, SYS_mmap, -1);
	box->page = p;
	box->page->fault_index = TL_NO_OP;
	return 0;
}

static int prepare(struct walk *w)
{
	const struct tl_record *ops = tl_plan_ops(w->plan);
	struct tl_box *box = w->box;
	int ret;

	box->times = calloc(box->count, sizeof(*box->times) + 1);
	if (!box->times)
		return -ENOMEM;
	box->lanes = (uint8_t *)(box->times + box->count);
	for (uint32_t i = 0; i < box->count; i++) {
		box->lanes[i] = ops[i].lane;
		box->forks |= ops[i].code == TL_OP_fork;
		box->holds |= ops[i].code == TL_OP_hold;
	}
	for (unsigned i = 0; i < w->launch->given_count; i++)
		w->slots[SLOT0 + i] = w->launch->given[i];
	ret = map_page(w);
	if (ret < 0)
		return ret;
	w->slots[SEALED_PLAN] = tl_image_plan(w->launch->plan, w->launch->size, &w->call);
	return w->slots[SEALED_PLAN] < 0 ? w->slots[SEALED_PLAN] : 0;
}

static void release(struct walk *w)
{
	tl_fd_close(&w->slots[SEALED_PLAN]);
	tl_fd_close(&w->slots[PAGE]);
	for (unsigned i = w->launch->given_count; i < TL_PLAN_MAX_SLOTS; i++)
		tl_fd_close(&w->slots[SLOT0 + i]);
	tl_fd_close(&w->userns);
	if (w->spawn)
		tl_spawn_abandon(w->spawn);
	if (w->spawn != w->launch->spawn)
		free(w->spawn);
}

int tl_launch_start(const struct tl_launch *launch, struct tl_box *box,
		    struct tl_fault *fault)
{
	struct walk w = {
		.launch = launch,
		.plan = launch->plan,
		.box = box,
		.spawn = launch->spawn,
		.userns = -1,
		.into = -1,
		.fault = fault,
	};
	unsigned index;
	const char *why;
	int ret = -EINVAL;

	*box = (struct tl_box){ .pidfd = -1, .link = -1, .file = -1, .pty = -1 };
	*fault = (struct tl_fault){ TL_NO_OP, EINVAL, 0, "" };
	for (unsigned i = 0; i < TL_PLAN_MAX_SLOTS + 2; i++)
		w.slots[i] = -1;
	box->clock = launch->spawn ? launch->spawn->clock : tl_clock_ns();
	box->tsc = launch->spawn ? launch->spawn->tsc : raw_tsc();
	if (tl_plan_check(launch->plan, launch->size, &index, &why) < 0) {
		fault->index = index;
	} else if (w.plan->given == launch->given_count) {
		box->count = w.plan->count;
		ret = prepare(&w);
		if (ret < 0)
			*fault =
				(struct tl_fault){ TL_NO_OP, -ret, (uint32_t)w.call, "" };
		else
			ret = walk_plan(&w);
	}
	release(&w);
	if (ret < 0) {
		tl_box_kill(box);
		tl_box_shut(box);
		if (launch->cgroup)
			tl_cgroup_remove(launch->cgroup);
	}
	return ret;
}
