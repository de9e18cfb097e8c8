#include "sha256_mix.h"

#include <immintrin.h>
#include <sys/platform/x86.h>

/* libc has asked the processor already: CPUID takes microseconds in a virtual machine. */
bool tl_sha256_has_instructions(void)
{
	return CPU_FEATURE_ACTIVE(SHA) && CPU_FEATURE_ACTIVE(SSSE3) &&
		CPU_FEATURE_ACTIVE(SSE4_1);
}

/* Four rounds, and the four words of the schedule that are needed sixteen rounds on. The two
 * halves of the state (a b e f and c d g h) change places in the middle. */
#define ROUNDS(i) \
	do { \
		__m128i k = _mm_loadu_si128( \
			(const __m128i *)(tl_sha256_constants + 4 * (i))); \
		__m128i sum = _mm_add_epi32(w[(i) % 4], k); \
		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum); \
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e)); \
		if ((i) < 12) { \
			__m128i next = \
				_mm_sha256msg1_epu32(w[(i) % 4], w[((i) + 1) % 4]); \
			next = _mm_add_epi32(next, \
					     _mm_alignr_epi8(w[((i) + 3) % 4], \
							     w[((i) + 2) % 4], 4)); \
			w[(i) % 4] = _mm_sha256msg2_epu32(next, w[((i) + 3) % 4]); \
		} \
	} while (0)

__attribute__((target("sha,sse4.1,ssse3"))) void
tl_sha256_mix_x86(uint32_t state[8], const unsigned char *blocks, size_t count)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i dcba = _mm_loadu_si128((const __m128i *)state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1),
		efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
	__m128i feba, dchg, w[4];

	for (; count > 0; count--, blocks += 64) {
		__m128i abef_before = abef, cdgh_before = cdgh;

#pragma GCC unroll 4
		for (size_t i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(
				_mm_loadu_si128((const __m128i *)(blocks + 16 * i)),
				big_endian);
#pragma GCC unroll 16
		for (size_t i = 0; i < 16; i++)
			ROUNDS(i);
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	feba = _mm_shuffle_epi32(abef, 0x1b);
	dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
