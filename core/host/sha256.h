/*
 * SHA-256 (FIPS 180-4), for cache entries and plan hashes.
 *
 * Layer: core/host, no side effects. Child safety: pure. No file descriptors.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TL_SHA256_SIZE 32

struct tl_sha256 {
	uint32_t state[8];
	uint64_t length;
	unsigned char block[64];
};

void tl_sha256_init(struct tl_sha256 *hash);
void tl_sha256_update(struct tl_sha256 *hash, const void *bytes, size_t length);
void tl_sha256_final(struct tl_sha256 *hash, unsigned char digest[TL_SHA256_SIZE]);
