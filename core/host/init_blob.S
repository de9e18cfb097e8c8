/* The freestanding init program, as launch.c writes it into a memfd for each container. */
	.section .rodata
	.balign	16
	.globl	tl_init_blob, tl_init_blob_end
	.hidden	tl_init_blob, tl_init_blob_end
tl_init_blob:
	.incbin	"init"
tl_init_blob_end:
	.section .note.GNU-stack, "", @progbits
