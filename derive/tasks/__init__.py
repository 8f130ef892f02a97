"""Coding tasks: a program for each run, its results, and what is said of them."""
