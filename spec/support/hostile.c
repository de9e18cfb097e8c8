/*
 * Feeds init, the real binary, with plans that nobody sane would make.
 *
 *   hostile INIT PLAN mutate SEED COUNT   changed copies of the plan in PLAN
 *   hostile INIT PLAN random SEED COUNT   random bytes behind a good or a random header
 *   hostile INIT PLAN CASE                one odd set-up, see `cases`
 *
 * Every run is in namespaces of its own, as nobody. Prints "refused R failed F ended E bad B";
 * a bad one is a crash, a hang, or a plan that is acted on though the validator refuses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/plan/plan.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define MESSAGE "tidelock-init: there is no plan here to carry out\n"
#define PAGE_SIZE (sizeof(struct tl_page) + TL_PLAN_MAX_OPS * sizeof(struct tl_span_time))
#define NO_MESSAGE 1000 /* of descriptors: not even a message without them */
#define ROOM (64 + (1 << 20))

static uint64_t state;
static int image;
static struct {
	unsigned refused, failed, ended, bad;
} tally;

static uint32_t draw(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)(state >> 16) % n : 0;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* Nobody, then root of a namespace of its own: nothing of the host can be written. */
static void isolate(void)
{
	char map[64];
	uid_t uid;
	gid_t gid;

	if (getuid() == 0 &&
	    (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	     setresuid(65534, 65534, 65534)))
		die("setresuid");
	prctl(PR_SET_DUMPABLE, 1);
	uid = getuid();
	gid = getgid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS |
		    CLONE_NEWIPC))
		die("unshare");
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_text("/proc/self/gid_map", map);
}

static void send_files(int link, const int *fds, unsigned count)
{
	union {
		char bytes[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1 };
	struct cmsghdr *files = &control.align;

	if (count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		files->cmsg_level = SOL_SOCKET;
		files->cmsg_type = SCM_RIGHTS;
		files->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(files), fds, count * sizeof(int));
	}
	if (sendmsg(link, &message, MSG_NOSIGNAL) < 0)
		die("sendmsg");
}

/* The launcher's end of the last link: init hears nothing more from it, and it is not gone. */
static int peer = -1;

/* init's end of the link: these files, then what barriers wait for, then the end. */
static int make_link(const int *fds, unsigned count)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		die("socketpair");
	if (count != NO_MESSAGE)
		send_files(ends[0], fds, count);
	for (int i = 0; i < 8 && count != NO_MESSAGE; i++)
		send(ends[0], "", 1, MSG_NOSIGNAL);
	if (peer >= 0)
		close(peer);
	peer = ends[0];
	shutdown(peer, SHUT_WR);
	return ends[1];
}

_Noreturn static void become_init(int link, int err, char **argv)
{
	char *envp[] = { "LD_PRELOAD=/nonexistent", NULL };
	struct rlimit core = { 0, 0 };

	err = fcntl(err, F_DUPFD, 120);
	setrlimit(RLIMIT_CORE, &core);
	if (link < 0)
		close(10);
	else if (link == 10 ? fcntl(10, F_SETFD, 0) : dup2(link, 10) < 0)
		_exit(99);
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(0, 1);
	dup2(err, 2);
	syscall(SYS_close_range, 11, ~0u, 4 /* CLOEXEC */);
	syscall(SYS_execveat, image, "", argv, envp, AT_EMPTY_PATH);
	_exit(99);
}

/* How it ended, and what it said. */
static int run_init(int link, char **argv, char *said, size_t room)
{
	struct pollfd p = { .events = POLLIN };
	int status, err[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(err, O_CLOEXEC))
		die("pipe");
	pid = (pid_t)syscall(SYS_clone,
			     CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | SIGCHLD, 0, 0, 0,
			     0);
	if (pid < 0)
		die("clone");
	if (pid == 0)
		become_init(link, err[1], argv);
	close(err[1]);
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (poll(&p, 1, 5000) == 0) {
		kill(pid, SIGKILL);
		fprintf(stderr, "it hangs\n");
		tally.bad++;
	}
	close(p.fd);
	waitpid(pid, &status, 0);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	n = read(err[0], said, room - 1);
	said[n < 0 ? 0 : n] = '\0';
	close(err[0]);
	return status;
}

static int make_plan(const void *bytes, size_t size, int seals)
{
	int fd = memfd_create("plan", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		die("memfd");
	if (seals && fcntl(fd, F_ADD_SEALS, seals))
		die("seal");
	return fd;
}

static int make_page(size_t size)
{
	int fd = memfd_create("page", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("page");
	return fd;
}

static void judge(int status, const char *said, bool good, const struct tl_page *page)
{
	bool silent = page->state == 0 && page->fault_index == TL_NO_OP &&
		page->fault_errno == 0;
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGTRAP ||
	    (sig == SIGILL && page->fault_index == TL_NO_OP) || status == 99 << 8) {
		fprintf(stderr, "status 0x%x, fault %u, said %s\n", status,
			page->fault_index, said);
		tally.bad++;
	} else if (!good) {
		if (status != 125 << 8 || strcmp(said, MESSAGE) != 0 || !silent) {
			fprintf(stderr, "acted on: status 0x%x, fault %u, said %s\n",
				status, page->fault_index, said);
			tally.bad++;
		}
		tally.refused++;
	} else if (page->fault_index != TL_NO_OP || status == 125 << 8) {
		tally.failed++;
	} else {
		tally.ended++;
	}
}

static void feed(const uint8_t *bytes, size_t size)
{
	char *argv[] = { "init", NULL }, said[256];
	int files[2] = { make_plan(bytes, size, SEALS), make_page(PAGE_SIZE) }, link;
	struct tl_page *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, files[1], 0);
	unsigned index;
	const char *why;
	int status;

	page->fault_index = TL_NO_OP;
	link = make_link(files, 2);
	status = run_init(link, argv, said, sizeof(said));
	judge(status, said, size && tl_plan_check(bytes, size, &index, &why) == 0, page);
	munmap(page, PAGE_SIZE);
	close(link);
	close(files[0]);
	close(files[1]);
}

static uint32_t odd_value(size_t size)
{
	const uint32_t odd[] = { 0,
				 1,
				 7,
				 0x7fffffff,
				 0x80000000,
				 0xffffffff,
				 0xfffffff8,
				 (uint32_t)size,
				 (uint32_t)size - 1,
				 TL_PLAN_MAX_OPS + 1,
				 959,
				 960 };

	return odd[draw(sizeof(odd) / sizeof(*odd))];
}

static size_t mutate(uint8_t *p, size_t size)
{
	struct tl_plan *head = (void *)p;
	struct tl_record *ops = (void *)(head + 1);
	uint32_t count = head->count, a = draw(count), b = draw(count), word;

	for (uint32_t n = 1 + draw(3); n; n--)
		switch (draw(8)) {
		case 0:
			p[draw((uint32_t)size)] ^= (uint8_t)(1 << draw(8));
			break;
		case 1:
			p[draw((uint32_t)size)] = (uint8_t)draw(256);
			break;
		case 2: /* a word of a record */
			word = odd_value(size);
			memcpy(&ops[a].word[draw(6)], &word, 4);
			break;
		case 3: /* a word of the header */
			word = odd_value(size);
			memcpy(p + (size_t)4 * draw(16), &word, 4);
			break;
		case 4: {
			struct tl_record t = ops[a];

			ops[a] = ops[b];
			ops[b] = t;
			break;
		}
		case 5:
			ops[a] = ops[b];
			break;
		case 6:
			ops[a].code = (uint16_t)draw(TL_OP_COUNT + 2);
			break;
		case 7: /* shorter or longer; half of the time the header agrees */
			size = draw(2) ? draw((uint32_t)size) : size + draw(64);
			if (size >= 16 && draw(2))
				head->size = (uint32_t)size;
			if (size && draw(2))
				p[size - 1] = 0;
			return size;
		}
	return size;
}

static void many(const char *how, const uint8_t *plan, size_t size, unsigned count)
{
	static uint8_t copy[ROOM] __attribute__((aligned(8)));

	for (unsigned i = 0; i < count; i++) {
		size_t n = size;

		memset(copy, 0, size + 128);
		if (!strcmp(how, "mutate")) {
			memcpy(copy, plan, size);
			n = mutate(copy, size);
		} else {
			n = draw(4096);
			for (size_t k = 0; k < n; k++)
				copy[k] = (uint8_t)draw(256);
			if (draw(2) && n >= 64)
				memcpy(copy, plan, 8 + 4 * draw(14));
		}
		feed(copy, n);
	}
	printf("refused %u failed %u ended %u bad %u\n", tally.refused, tally.failed,
	       tally.ended, tally.bad);
}

/* A link, or what is in its place. */
static int odd_link(const char *name, const uint8_t *plan, size_t size)
{
	int files[64] = { make_plan(plan, size, SEALS), make_page(PAGE_SIZE) }, ends[2];
	unsigned count = 2;

	if (!strcmp(name, "nothing") || !strcmp(name, "no-arguments") ||
	    !strcmp(name, "interpreter"))
		return -1;
	if (!strcmp(name, "file"))
		return open("/etc/passwd", O_RDONLY);
	if (!strcmp(name, "folder"))
		return open("/", O_RDONLY);
	if (!strcmp(name, "pipe"))
		return pipe(ends) ? -1 : ends[0];
	if (!strcmp(name, "hung-up"))
		count = NO_MESSAGE;
	else if (!strcmp(name, "no-files"))
		count = 0;
	else if (!strcmp(name, "one-file"))
		count = 1;
	else if (!strcmp(name, "many-files"))
		for (count = 2; count < 40; count++)
			files[count] = files[0];
	else if (!strcmp(name, "swapped"))
		files[1] = files[0], files[0] = make_page(PAGE_SIZE);
	else if (!strcmp(name, "unsealed"))
		files[0] = make_plan(plan, size, 0);
	else if (!strcmp(name, "half-sealed"))
		files[0] =
			make_plan(plan, size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	else if (!strcmp(name, "writable"))
		files[0] =
			make_plan(plan, size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	else if (!strcmp(name, "shrinkable"))
		files[0] = make_plan(plan, size, SEALS & ~F_SEAL_SHRINK);
	else if (!strcmp(name, "growable"))
		files[0] = make_plan(plan, size, SEALS & ~F_SEAL_GROW);
	else if (!strcmp(name, "empty"))
		files[0] = make_plan(plan, 0, SEALS);
	else if (!strcmp(name, "short-page"))
		files[1] = make_page(sizeof(struct tl_page));
	else if (!strcmp(name, "read-only-page"))
		files[1] = open("/proc/self/exe", O_RDONLY);
	else if (!strcmp(name, "huge")) {
		files[0] = memfd_create("huge", MFD_ALLOW_SEALING);
		if (ftruncate(files[0], 1ll << 40) ||
		    pwrite(files[0], plan, size, 0) < 0 ||
		    fcntl(files[0], F_ADD_SEALS, SEALS))
			die("huge");
	} else
		die(name);
	return make_link(files, count);
}

static void one(const char *name, const uint8_t *plan, size_t size)
{
	char *argv[] = { "init", NULL },
	     *hostile[] = { "/proc/self/exe", "-c", "x", NULL };
	char **words = !strcmp(name, "interpreter") ? hostile
		: !strcmp(name, "no-arguments")	    ? argv + 1
						    : argv;
	char said[256];
	int status = run_init(odd_link(name, plan, size), words, said, sizeof(said));

	printf("%d %d %s", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0, said);
}

int main(int argc, char **argv)
{
	static uint8_t plan[ROOM] __attribute__((aligned(8)));
	ssize_t size;
	int fd;

	if (argc < 4)
		return 2;
	image = open(argv[1], O_RDONLY | O_CLOEXEC);
	fd = open(argv[2], O_RDONLY);
	size = read(fd, plan, sizeof(plan) / 2);
	if (image < 0 || size <= 0)
		die(argv[1]);
	isolate();
	if (argc < 6) {
		one(argv[3], plan, (size_t)size);
		return 0;
	}
	state = strtoull(argv[4], NULL, 10) * 2654435761u + 88172645463325252ull;
	many(argv[3], plan, (size_t)size, (unsigned)strtoul(argv[5], NULL, 10));
	return tally.bad != 0;
}
