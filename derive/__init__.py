"""derive: worked solutions of deep-learning homework, every displayed equality checked by PyTorch."""

__version__ = "0.1.0"
