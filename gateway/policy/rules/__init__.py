"""The rule kinds, one file each; `registry` lists them."""
