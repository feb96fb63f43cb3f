"""Words that several rooms let a person choose from; they load nothing, so the command line can list them at once."""

from typing import Literal

# Activations of hidden layers.
Activation = Literal["relu", "tanh", "hard_sigmoid", "linear", "sigmoid"]

# Paper 3's kinds of networks: fully connected, convolutional, recurrent, autoencoders.
Kind = Literal["FC", "CNN", "RNN", "AE"]

# What a printed number says of the normal distribution that kernels start from.
Spread = Literal["variance", "sd"]

# Which weights a training keeps: of the last epoch, or of the best test accuracy.
Keep = Literal["last", "best"]

# What becomes of a training whose numbers are no longer finite: an error, or networks that count as dead.
Diverged = Literal["refuse", "keep"]

# What the sum of two branches is in a graph: edges of weight 1, the paper's rows, or one layer where both are layers.
Residual = Literal["identity", "paper", "merged"]
