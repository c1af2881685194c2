"""Checks that `heta doctor` runs; `heta.doctor` names them."""
