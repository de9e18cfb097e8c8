-- Which spec was the first to be red: where to look first. Written by `scripts/dev/mutate --learn`.
return {

}
