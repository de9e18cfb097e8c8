#include "filter_cache.h"

#include "bpf.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct header {
	char magic[8];
	uint32_t count;
	uint32_t flags;
	unsigned char checksum[TL_SHA256_SIZE];
};

static const char magic[8] = "TLBPF02";

static void fill_header(struct header *header, const char *name,
			const struct sock_filter *prog, size_t count, uint32_t flags)
{
	struct tl_sha256 hash;

	memset(header, 0, sizeof(*header));
	memcpy(header->magic, magic, sizeof(magic));
	header->count = (uint32_t)count;
	header->flags = flags;
	/* The name is part of it: an entry that was renamed is not the entry asked for. */
	tl_sha256_init(&hash);
	tl_sha256_update(&hash, name, strlen(name) + 1);
	tl_sha256_update(&hash, &flags, sizeof(flags));
	tl_sha256_update(&hash, prog, count * sizeof(*prog));
	tl_sha256_final(&hash, header->checksum);
}

static bool ours_alone(int fd, mode_t type)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 && (stat.st_mode & S_IFMT) == type &&
		stat.st_uid == geteuid() && (stat.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool name_is_plain(const char *name)
{
	return *name && *name != '.' && strlen(name) < 200 && !strchr(name, '/');
}

static int open_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (!ours_alone(fd, S_IFDIR)) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static int make_directory(const char *dir)
{
	char path[PATH_MAX];
	size_t length = strlen(dir), i;

	if (length == 0 || length >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, length + 1);
	for (i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		path[i] = dir[i];
	}
	return 0;
}

static int read_entry(int fd, const char *name, struct sock_filter *prog, uint32_t *flags)
{
	struct header header, expected;
	struct iovec parts[] = {
		{ &header, sizeof(header) },
		{ prog, TL_BPF_MAX * sizeof(*prog) },
	};
	const char *why;
	size_t count, index;
	ssize_t length;

	if (!ours_alone(fd, S_IFREG))
		return -EPERM;
	length = readv(fd, parts, 2);
	if (length < 0)
		return -errno;
	if ((size_t)length <= sizeof(header))
		return -EBADMSG;
	count = ((size_t)length - sizeof(header)) / sizeof(*prog);
	if (((size_t)length - sizeof(header)) % sizeof(*prog))
		return -EBADMSG;
	fill_header(&expected, name, prog, count, header.flags);
	if (memcmp(&header, &expected, sizeof(header)) != 0 ||
	    tl_bpf_check(prog, count, &index, &why) < 0)
		return -EBADMSG;
	*flags = header.flags;
	return (int)count;
}

int tl_filter_cache_load(const char *dir, const char *name, struct sock_filter *prog,
			 uint32_t *flags)
{
	int folder, fd, result;

	if (!name_is_plain(name))
		return -EINVAL;
	folder = open_directory(dir);
	if (folder < 0)
		return folder;
	/* O_NONBLOCK: a FIFO put there must not make us wait. */
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	result = fd < 0 ? -errno : read_entry(fd, name, prog, flags);
	if (fd >= 0)
		close(fd);
	close(folder);
	return result;
}

static int write_entry(int fd, const char *name, const struct sock_filter *prog,
		       size_t count, uint32_t flags)
{
	struct header header;
	struct iovec parts[] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)prog, count * sizeof(*prog) },
	};
	ssize_t length;

	fill_header(&header, name, prog, count, flags);
	length = writev(fd, parts, 2);
	if (length < 0)
		return -errno;
	return (size_t)length == parts[0].iov_len + parts[1].iov_len ? 0 : -ENOSPC;
}

static int store_in(int folder, const char *name, const struct sock_filter *prog,
		    size_t count, uint32_t flags)
{
	char temporary[32];
	uint64_t nonce;
	int fd, result;

	if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
		return -errno;
	snprintf(temporary, sizeof(temporary), ".new-%016llx", (unsigned long long)nonce);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	/* No fsync: an entry lost or torn in a power cut is found by its checksum and rebuilt. */
	result = write_entry(fd, name, prog, count, flags);
	close(fd);
	if (result == 0 && renameat(folder, temporary, folder, name) < 0)
		result = -errno;
	if (result < 0)
		unlinkat(folder, temporary, 0);
	return result;
}

int tl_filter_cache_store(const char *dir, const char *name,
			  const struct sock_filter *prog, size_t count, uint32_t flags)
{
	int folder, result;

	if (!name_is_plain(name) || count == 0 || count > TL_BPF_MAX)
		return -EINVAL;
	folder = open_directory(dir);
	if (folder == -ENOENT) {
		result = make_directory(dir);
		if (result < 0)
			return result;
		folder = open_directory(dir);
	}
	if (folder < 0)
		return folder;
	result = store_in(folder, name, prog, count, flags);
	close(folder);
	return result;
}
