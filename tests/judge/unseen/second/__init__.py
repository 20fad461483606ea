"""Code with 128 planted bugs, each beside its right twin, that was written blind.

It was written without a look at the judge: layers and losses of NumPy, custom rules of JAX, Functions
of torch, each with a bug as people make it; before any run a line said what the diagnosis should be.

At first sight 127 bugs were caught; a gradient of `solve` that is right for symmetric matrices alone
passed at such a matrix, as it does still, and is left out here. Of the 127, 79 were named, 38 had
no simple cause, and 10 misled. 15 right twins were refused: 5 for the None of a mask or labels of
floats, 4 where the judge made an axis shorter and forward broadcast it, 1 for an index out of range,
1 for `gradient_of` of a tensor, and 4 that were wrong at inputs the judge made: at 0, at a single
column, with groups that do not divide; these four are mended here.
"""
