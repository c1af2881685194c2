"""Methods with raters: scores and labels on the same units, and every figure made of them."""
