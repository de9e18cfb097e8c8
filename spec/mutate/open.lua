-- Mutations that no spec is red for as yet, and what one would have to do. Each is a gap.
return {
}
