/*
 * Inside SHA-256: the part that processors have instructions for. Layer: core/host, sha256.c's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t tl_sha256_constants[64];

/* Does this processor have them? */
bool tl_sha256_has_instructions(void);

/* Mix blocks of 64 bytes into the state. Only where tl_sha256_has_instructions(). */
void tl_sha256_mix_x86(uint32_t state[8], const unsigned char *blocks, size_t count);
