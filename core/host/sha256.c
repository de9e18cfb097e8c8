#include "sha256.h"

#include "sha256_mix.h"

#include <endian.h>
#include <string.h>

const uint32_t tl_sha256_constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, unsigned int bits)
{
	return word >> bits | word << (32 - bits);
}

static void expand(uint32_t w[64], const unsigned char *block)
{
	uint32_t word;
	size_t i;

	for (i = 0; i < 16; i++) {
		memcpy(&word, block + 4 * i, sizeof(word));
		w[i] = be32toh(word);
	}
	for (; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
			(rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

/* The eight words change places in each round; naming them anew costs nothing, moving them does. */
#define ROUND(a, b, c, d, e, f, g, h, i) \
	do { \
		(h) += (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + \
			((g) ^ ((e) & ((f) ^ (g)))) + tl_sha256_constants[i] + w[i]; \
		(d) += (h); \
		(h) += (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + \
			(((a) & (b)) | ((c) & ((a) | (b)))); \
	} while (0)

static void mix_block(uint32_t state[8], const unsigned char *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint32_t w[64];
	unsigned int i;

	expand(w, block);
	for (i = 0; i < 64; i += 8) {
		ROUND(a, b, c, d, e, f, g, h, i);
		ROUND(h, a, b, c, d, e, f, g, i + 1);
		ROUND(g, h, a, b, c, d, e, f, i + 2);
		ROUND(f, g, h, a, b, c, d, e, i + 3);
		ROUND(e, f, g, h, a, b, c, d, i + 4);
		ROUND(d, e, f, g, h, a, b, c, i + 5);
		ROUND(c, d, e, f, g, h, a, b, i + 6);
		ROUND(b, c, d, e, f, g, h, a, i + 7);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void mix(uint32_t state[8], const unsigned char *blocks, size_t count)
{
	for (; count > 0; count--, blocks += TL_SHA256_BLOCK)
		mix_block(state, blocks);
}

void tl_sha256_init_portable(struct tl_sha256 *hash)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(hash->state, start, sizeof(start));
	hash->length = 0;
	hash->mix = mix;
}

void tl_sha256_init(struct tl_sha256 *hash)
{
	tl_sha256_init_portable(hash);
	if (tl_sha256_has_instructions())
		hash->mix = tl_sha256_mix_x86;
}

void tl_sha256_update(struct tl_sha256 *hash, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;
	size_t used = hash->length % TL_SHA256_BLOCK, blocks;

	hash->length += length;
	if (used > 0 && used + length >= TL_SHA256_BLOCK) {
		memcpy(hash->block + used, from, TL_SHA256_BLOCK - used);
		hash->mix(hash->state, hash->block, 1);
		from += TL_SHA256_BLOCK - used;
		length -= TL_SHA256_BLOCK - used;
		used = 0;
	}
	blocks = used ? 0 : length / TL_SHA256_BLOCK;
	if (blocks > 0)
		hash->mix(hash->state, from, blocks);
	from += blocks * TL_SHA256_BLOCK;
	length -= blocks * TL_SHA256_BLOCK;
	if (length > 0)
		memcpy(hash->block + used, from, length);
}

void tl_sha256_final(struct tl_sha256 *hash, unsigned char digest[TL_SHA256_SIZE])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = hash->length * 8;
	size_t used = hash->length % 64;
	unsigned char size[8];
	unsigned int i;

	for (i = 0; i < 8; i++)
		size[i] = (unsigned char)(bits >> (56 - 8 * i));
	tl_sha256_update(hash, padding, used < 56 ? 56 - used : 120 - used);
	tl_sha256_update(hash, size, sizeof(size));
	for (i = 0; i < TL_SHA256_SIZE; i++)
		digest[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
