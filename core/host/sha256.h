/*
 * SHA-256 (FIPS 180-4), for cache entries and plan hashes.
 *
 * Layer: core/host, no side effects. Child safety: pure. No file descriptors.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TL_SHA256_SIZE 32
#define TL_SHA256_BLOCK 64

struct tl_sha256 {
	uint32_t state[8];
	uint64_t length;
	unsigned char block[TL_SHA256_BLOCK];
	void (*mix)(uint32_t state[8], const unsigned char *blocks, size_t count);
};

/* With the processor's own instructions where it has them; the other one never. */
void tl_sha256_init(struct tl_sha256 *hash);
void tl_sha256_init_portable(struct tl_sha256 *hash);

void tl_sha256_update(struct tl_sha256 *hash, const void *bytes, size_t length);
void tl_sha256_final(struct tl_sha256 *hash, unsigned char digest[TL_SHA256_SIZE]);
