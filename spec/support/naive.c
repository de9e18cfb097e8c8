/*
 * What container runtimes did before each of these was an entry in a list of vulnerabilities: for
 * the specs that show that an attack is one. Works in user and mount namespaces of its own.
 *
 *   naive mount ROOT PATH VICTIM TRIES   is PATH of the root a directory? then mount on it, by name
 *   naive mkdir ROOT PATH VICTIM TRIES   the same, and make PATH/made
 *   naive null ROOT PATH TEXT            hide a file under the root's /dev/null; somebody writes
 *   naive create ROOT PATH               open a file of the root to write to it, making it
 *   naive write ROOT PATH TEXT           write to a file of the root, after chroot
 *   naive bind SOURCE ROOT TARGET TEXT   bind, by name; somebody writes TEXT to TARGET/made
 *   naive user ROOT NAME                 look a user up after chroot, by the C library
 *   naive enter ROOT DIR COMMAND...      chroot, chdir, execute; descriptors as they are
 *   naive console NODE SWAPPED TEXT      bind a pty's node after it was swapped; somebody writes
 *
 * Exits with 0 where all that could be done; "escaped N" tells after how many tries.
 */
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define TMPFS_MAGIC 0x01021994

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void write_text(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | flags, 0644);

	must(fd, path);
	must((int)write(fd, text, strlen(text)), path);
	close(fd);
}

static void isolate(void)
{
	unsigned uid = getuid(), gid = getgid();
	char map[32];

	if (uid) {
		must(unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare");
		write_text("/proc/self/setgroups", "deny", 0);
		snprintf(map, sizeof(map), "0 %u 1", uid);
		write_text("/proc/self/uid_map", map, 0);
		snprintf(map, sizeof(map), "0 %u 1", gid);
		write_text("/proc/self/gid_map", map, 0);
	} else {
		must(unshare(CLONE_NEWNS), "unshare");
	}
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "propagation");
}

static const char *in(const char *root, const char *path)
{
	static char joined[2][2048];
	static int next;

	next = !next;
	snprintf(joined[next], sizeof(joined[0]), "%s/%s", root, path);
	return joined[next];
}

static bool is_directory(const char *path)
{
	struct stat st;

	bool is = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);

	/* A runtime has much else to do between the check and the use. */
	usleep(1);
	return is;
}

static bool try_mount(const char *path, const char *victim)
{
	struct statfs fs;

	if (!is_directory(path) || mount("naive", path, "tmpfs", 0, NULL) < 0)
		return false;
	if (statfs(victim, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
		return true;
	/* Wherever it is by now: the root is a mount of its own, and what is on it goes. */
	for (int i = 0; i < 64 && umount2(path, MNT_DETACH) < 0; i++)
		;
	return false;
}

static bool try_mkdir(const char *path, const char *victim)
{
	const char *made, *there;

	if (!is_directory(path))
		return false;
	made = in(path, "made");
	there = in(victim, "made");
	if (mkdir(made, 0755) < 0)
		return false;
	if (access(there, F_OK) == 0)
		return true;
	for (int i = 0; i < 64 && rmdir(made) < 0; i++)
		;
	return false;
}

static int race(bool (*attempt)(const char *path, const char *victim), char **words)
{
	long tries = strtol(words[3], NULL, 10);

	for (long i = 1; i <= tries; i++)
		if (attempt(in(words[0], words[1]), words[2])) {
			printf("escaped %ld\n", i);
			return 0;
		}
	printf("stayed inside, %ld times\n", tries);
	return 1;
}

static void enter(const char *root, const char *dir)
{
	/* In the root there is no other /proc yet. */
	must(mount("/proc", in(root, "proc"), NULL, MS_BIND | MS_REC, NULL), "proc");
	must(chroot(root), root);
	must(chdir(dir), dir);
}

static int look_up(const char *root, const char *name)
{
	must(chroot(root), root);
	must(chdir("/"), "/");
	printf("%s\n", getpwnam(name) ? "found" : "not found");
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 3 ? argv[1] : "";
	char **words = argv + 2;

	isolate();
	if (!strcmp(verb, "mount") && argc == 6)
		return race(try_mount, words);
	if (!strcmp(verb, "mkdir") && argc == 6)
		return race(try_mkdir, words);
	if (!strcmp(verb, "user"))
		return look_up(words[0], words[1]);
	if (!strcmp(verb, "create")) {
		write_text(in(words[0], words[1]), "created\n", O_CREAT);
	} else if (!strcmp(verb, "write") && argc == 5) {
		must(chroot(words[0]), words[0]);
		write_text(words[1], words[2], 0);
	} else if (!strcmp(verb, "null") && argc == 5) {
		must(mount(in(words[0], "dev/null"), in(words[0], words[1]), NULL,
			   MS_BIND, NULL),
		     "bind");
		write_text(in(words[0], words[1]), words[2], 0);
	} else if (!strcmp(verb, "bind") && argc == 6) {
		must(mount(words[0], in(words[1], words[2]), NULL, MS_BIND, NULL),
		     "bind");
		write_text(in(in(words[1], words[2]), "made"), words[3], O_CREAT);
	} else if (!strcmp(verb, "console") && argc == 5) {
		must(mount(words[1], words[0], NULL, MS_BIND, NULL), "bind");
		write_text(words[0], words[2], 0);
	} else if (!strcmp(verb, "enter") && argc > 4) {
		enter(words[0], words[1]);
		execv(words[2], words + 2);
		must(-1, words[2]);
	} else {
		fprintf(stderr, "naive: see the head of naive.c\n");
		return 2;
	}
	return 0;
}
