"""Commands of the annotation package, one module a group."""
