"""The objectives of the table: name, symbols, definitions, formula, what it is differentiated in; Hessians at the end."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One derivative to find."""

    name: str
    symbols: str
    formula: str
    wrt: str
    define: str = ""
    hessian: bool = False


SQUARE = "x: vector(n); A: matrix(n, n)"
REGRESSION = "X: matrix(n, d); w: vector(d); y: vector(n)"
BATCH = "X: matrix(n, d); W: matrix(d, k); b: vector(k); Y: one_hot(n, k)"
NET = "x: vector(n); W1: matrix(h, n); b1: vector(h); W2: matrix(m, h); b2: vector(m); y: vector(m)"
BATCH_NET = "X: matrix(n, d); W1: matrix(d, h); b1: vector(h); W2: matrix(h, k); b2: vector(k); Y: matrix(n, k)"
ATTENTION = "Q: matrix(n, d); K: matrix(m, d); V: matrix(m, p); T: matrix(n, p)"
SELF = "X: matrix(n, d); WQ: matrix(d, k); WK: matrix(d, k); WV: matrix(d, p); T: matrix(n, p)"
SELF_DEFINE = "Q: X @ WQ; K: X @ WK; V: X @ WV; P: softmax(Q @ K.T / sqrt(k), axis=1)"
GAUSS = "S: positive_definite(d); x: vector(d); mu: vector(d)"
KL = "S: positive_definite(d); C: positive_definite(d); a: vector(d); b: vector(d)"
RNN = "W: matrix(h, h); U: matrix(h, n); x1: vector(n); x2: vector(n); x3: vector(n); h0: vector(h); t: vector(h)"
RNN_DEFINE = "h1: tanh(W @ h0 + U @ x1); h2: tanh(W @ h1 + U @ x2); h3: tanh(W @ h2 + U @ x3)"
LAYER_NORM = "x: vector(n); g: vector(n); b: vector(n); y: vector(n)"
LAYER_NORM_DEFINE = "m: mean(x); v: var(x); h: g * (x - m) / sqrt(v + 0.01) + b"
BATCH_NORM = "X: matrix(n, d); g: vector(d); b: vector(d); T: matrix(n, d)"
BATCH_NORM_DEFINE = "m: mean(X, axis=0); C: X - m; s: mean(C**2, axis=0); H: C / sqrt(s + 0.01) * g + b"
FOCAL = "z: vector(n); y: labels(n)"
CONTRAST = "a: vector(n); b: vector(n); c: vector(n); m: positive"

CASES = [
    Case("x'Ax", SQUARE, "x.T @ A @ x", "x"),
    Case("x'Ax in A", SQUARE, "x.T @ A @ x", "A"),
    Case("x'Ax, A symmetric", "x: vector(n); A: symmetric(n)", "x.T @ A @ x", "x"),
    Case("a'x", "a: vector(n); x: vector(n)", "a.T @ x", "x"),
    Case("a'Xb", "a: vector(n); b: vector(m); X: matrix(n, m)", "a.T @ X @ b", "X"),
    Case("a'X'Xb", "a: vector(m); b: vector(m); X: matrix(n, m)", "a.T @ X.T @ X @ b", "X"),
    Case("(a'x)^2", "a: vector(n); x: vector(n)", "(a.T @ x)**2", "x"),
    Case("||Ax - b||^2", "A: matrix(m, n); x: vector(n); b: vector(m)", "norm(A @ x - b)**2", "x"),
    Case("||Ax - b||^2 in A", "A: matrix(m, n); x: vector(n); b: vector(m)", "norm(A @ x - b)**2", "A"),
    Case("||x||", "x: vector(n)", "norm(x)", "x"),
    Case("||x - a||", "x: vector(n); a: vector(n)", "norm(x - a)", "x"),
    Case("sum of two squared norms (sympy#26585)", "A: matrix(m, n); x: vector(n); b: vector(m)",
         "sum((A @ x - b)**2) + sum(x**2)", "x"),
    Case("f(Mx) (sympy#21062)", "M: matrix(m, n); x: vector(n)", "sum(exp(M @ x))", "x"),
    Case("sum of quadratic forms (sympy#16613)", "x: vector(n); A: matrix(n, n); B: matrix(n, n)",
         "x.T @ A @ x + x.T @ B @ x", "x"),
    Case("by an entry (sympy#17229)", "A: matrix(n, n); B: matrix(n, n)", "trace(A @ B)", "A[0, 1]"),
    Case("ridge", REGRESSION + "; lam: positive", "norm(X @ w - y)**2 + lam * norm(w)**2", "w"),
    Case("weighted least squares", REGRESSION + "; c: positive(n)", "sum(c * (X @ w - y)**2)", "w"),
    Case("generalised least squares", REGRESSION + "; S: positive_definite(n)", "(X @ w - y).T @ inv(S) @ (X @ w - y)", "w"),
    Case("many outputs", "X: matrix(n, d); W: matrix(d, k); Y: matrix(n, k)", "norm(X @ W - Y)**2 / n", "W"),
    Case("tr(AB)", "A: matrix(n, m); B: matrix(m, n)", "trace(A @ B)", "A"),
    Case("tr(A'A)", "A: matrix(n, m)", "trace(A.T @ A)", "A"),
    Case("tr(AXBX')", "A: matrix(n, n); X: matrix(n, m); B: matrix(m, m)", "trace(A @ X @ B @ X.T)", "X"),
    Case("tr(X'AX)", "A: matrix(n, n); X: matrix(n, m)", "trace(X.T @ A @ X)", "X"),
    Case("tr(X^3)", "X: matrix(n, n)", "trace(X @ X @ X)", "X"),
    Case("logdet X", "X: matrix(n, n)", "logdet(X)", "X"),
    Case("logdet S", "S: positive_definite(n)", "logdet(S)", "S"),
    Case("logdet X'X", "X: matrix(n, d)", "logdet(X.T @ X + eye(d))", "X"),
    Case("det X", "X: matrix(n, n)", "det(X)", "X"),
    Case("tr(inv X)", "X: matrix(n, n)", "trace(inv(X))", "X"),
    Case("a'inv(X)b", "X: matrix(n, n); a: vector(n); b: vector(n)", "a.T @ inv(X) @ b", "X"),
    Case("||X||_F", "X: matrix(n, m)", "norm(X)", "X"),
    Case("||X||_F^2", "X: matrix(n, m)", "norm(X)**2", "X"),
    Case("||AXB - C||^2", "A: matrix(n, m); X: matrix(m, k); B: matrix(k, p); C: matrix(n, p)", "norm(A @ X @ B - C)**2", "X"),
    Case("sum of x o Ax", SQUARE, "sum(x * (A @ x))", "x"),
    Case("sum x^3", "x: vector(n)", "sum(x**3)", "x"),
    Case("entropy", "p: positive(n)", "-sum(p * log(p))", "p"),
    Case("KL of distributions", "p: positive(n); q: positive(n)", "sum(p * log(p / q))", "p"),
    Case("logistic loss", REGRESSION.replace("vector(n)", "labels(n)"), "mean(softplus(X @ w) - y * (X @ w))", "w"),
    Case("logistic loss of signs", REGRESSION.replace("y: vector(n)", "y: signs(n)"), "mean(log(1 + exp(-y * (X @ w))))", "w"),
    Case("cross-entropy of a sigmoid", REGRESSION.replace("y: vector(n)", "y: labels(n)"),
         "-sum(y * log(p) + (1 - y) * log(1 - p))", "w", "p: sigmoid(X @ w)"),
    Case("logsumexp", "x: vector(n)", "logsumexp(x)", "x"),
    Case("logsumexp of Ax", "A: matrix(m, n); x: vector(n)", "logsumexp(A @ x)", "x"),
    Case("softmax cross-entropy", "z: vector(k); y: one_hot(k)", "-sum(y * log(softmax(z)))", "z"),
    Case("softmax cross-entropy by log_softmax", "z: vector(k); y: one_hot(k)", "-y.T @ log_softmax(z)", "z"),
    Case("softmax layer", "W: matrix(k, n); x: vector(n); b: vector(k); y: one_hot(k)",
         "-sum(y * log(softmax(W @ x + b)))", "W"),
    Case("softmax regression, batch", BATCH, "-sum(Y * log_softmax(X @ W + b, axis=1)) / n", "W"),
    Case("softmax regression, batch, named", BATCH, "-sum(Y * log(P)) / n", "W", "Z: X @ W + b; P: softmax(Z, axis=1)"),
    Case("softmax regression, bias", BATCH, "-sum(Y * log_softmax(X @ W + b, axis=1)) / n", "b"),
    Case("Gaussian log-likelihood in the mean", GAUSS, "-logdet(S)/2 - (x - mu).T @ inv(S) @ (x - mu)/2", "mu"),
    Case("Gaussian log-likelihood in the covariance", GAUSS, "-logdet(S)/2 - (x - mu).T @ inv(S) @ (x - mu)/2", "S"),
    Case("Gaussian, many data, in the covariance", "X: matrix(n, d); S: positive_definite(d); mu: vector(d)",
         "-n*logdet(S)/2 - trace(R @ inv(S) @ R.T)/2", "S", "R: X - mu"),
    Case("Gaussian, many data, in the mean", "X: matrix(n, d); S: positive_definite(d); mu: vector(d)",
         "-n*logdet(S)/2 - trace(R @ inv(S) @ R.T)/2", "mu", "R: X - mu"),
    Case("KL of Gaussians in the mean", KL, "(trace(inv(C) @ S) + (b - a).T @ inv(C) @ (b - a) - d + logdet(C) - logdet(S))/2", "a"),
    Case("KL of Gaussians in the covariance", KL,
         "(trace(inv(C) @ S) + (b - a).T @ inv(C) @ (b - a) - d + logdet(C) - logdet(S))/2", "S"),
    Case("KL of Gaussians in the other covariance", KL,
         "(trace(inv(C) @ S) + (b - a).T @ inv(C) @ (b - a) - d + logdet(C) - logdet(S))/2", "C"),
    Case("Mahalanobis distance", GAUSS, "sqrt((x - mu).T @ inv(S) @ (x - mu))", "x"),
    Case("2-layer net, W1", NET, "norm(W2 @ h + b2 - y)**2 / 2", "W1", "z: W1 @ x + b1; h: tanh(z)"),
    Case("2-layer net, b1", NET, "norm(W2 @ h + b2 - y)**2 / 2", "b1", "z: W1 @ x + b1; h: tanh(z)"),
    Case("2-layer net, W2", NET, "norm(W2 @ h + b2 - y)**2 / 2", "W2", "z: W1 @ x + b1; h: tanh(z)"),
    Case("2-layer net, unnamed", NET, "norm(W2 @ sigmoid(W1 @ x + b1) + b2 - y)**2 / 2", "W1"),
    Case("2-layer net, batch, W1", BATCH_NET, "norm(H @ W2 + b2 - Y)**2 / n", "W1", "Z: X @ W1 + b1; H: relu(Z)"),
    Case("2-layer net, batch, b1", BATCH_NET, "norm(H @ W2 + b2 - Y)**2 / n", "b1", "Z: X @ W1 + b1; H: relu(Z)"),
    Case("3-layer net, W1", "x: vector(n); A: matrix(h, n); B: matrix(g, h); C: matrix(m, g); y: vector(m)",
         "norm(C @ v - y)**2", "A", "u: tanh(A @ x); v: tanh(B @ u)"),
    Case("3-layer net, batch, W1", "X: matrix(n, d); A: matrix(d, h); B: matrix(h, g); C: matrix(g, k); Y: matrix(n, k)",
         "norm(V @ C - Y)**2 / n", "A", "U: tanh(X @ A); V: tanh(U @ B)"),
    Case("GELU net", NET, "norm(W2 @ h + b2 - y)**2 / 2", "W1", "z: W1 @ x + b1; h: gelu(z)"),
    Case("SiLU net", NET, "norm(W2 @ h + b2 - y)**2 / 2", "W1", "z: W1 @ x + b1; h: silu(z)"),
    Case("residual block", "x: vector(n); W: matrix(n, n); V: matrix(n, n); y: vector(n)", "norm(x + V @ h - y)**2", "W",
         "h: relu(W @ x)"),
    Case("residual block in x", "x: vector(n); W: matrix(n, n); V: matrix(n, n); y: vector(n)", "norm(x + V @ relu(W @ x) - y)**2", "x"),
    Case("bias by broadcasting", "X: matrix(n, d); b: vector(d); T: matrix(n, d)", "sum((X + b - T)**2)", "b"),
    Case("layer norm in x", LAYER_NORM, "norm(h - y)**2", "x", LAYER_NORM_DEFINE),
    Case("layer norm in the gain", LAYER_NORM, "norm(h - y)**2", "g", LAYER_NORM_DEFINE),
    Case("batch norm in X", BATCH_NORM, "norm(H - T)**2", "X", BATCH_NORM_DEFINE),
    Case("batch norm in the gain", BATCH_NORM, "norm(H - T)**2", "g", BATCH_NORM_DEFINE),
    Case("attention in Q", ATTENTION, "norm(P @ V - T)**2", "Q", "P: softmax(Q @ K.T / sqrt(d), axis=1)"),
    Case("attention in K", ATTENTION, "norm(P @ V - T)**2", "K", "P: softmax(Q @ K.T / sqrt(d), axis=1)"),
    Case("attention in V", ATTENTION, "norm(P @ V - T)**2", "V", "P: softmax(Q @ K.T / sqrt(d), axis=1)"),
    Case("self-attention in W_Q", SELF, "norm(P @ V - T)**2", "WQ", SELF_DEFINE),
    Case("self-attention in W_K", SELF, "norm(P @ V - T)**2", "WK", SELF_DEFINE),
    Case("self-attention in W_V", SELF, "norm(P @ V - T)**2", "WV", SELF_DEFINE),
    Case("low-rank factorisation", "U: matrix(n, k); V: matrix(m, k); M: matrix(n, m)", "norm(U @ V.T - M)**2", "U"),
    Case("matrix factorisation with weights", "U: matrix(n, k); V: matrix(m, k); M: matrix(n, m); C: positive(n, m); lam: positive",
         "sum(C * (U @ V.T - M)**2) + lam * norm(U)**2", "U"),
    Case("Rayleigh quotient", "w: vector(n); S: symmetric(n)", "w.T @ S @ w / (w.T @ w)", "w"),
    Case("cosine similarity", "a: vector(n); b: vector(n)", "a.T @ b / (norm(a) * norm(b))", "a"),
    Case("contrastive loss", CONTRAST, "norm(a - b)**2 + maximum(0, m - norm(a - c))**2", "a"),
    Case("SVM hinge", REGRESSION.replace("y: vector(n)", "y: signs(n)") + "; lam: positive",
         "mean(maximum(0, 1 - y * (X @ w))) + lam * norm(w)**2", "w"),
    Case("focal loss", FOCAL, "-sum(y * (1 - p)**2 * log(p) + (1 - y) * p**2 * log(1 - p))", "z", "p: sigmoid(z)"),
    Case("Huber by where", "x: vector(n)", "sum(where(abs(x) < 1, x**2 / 2, abs(x) - 0.5))", "x"),
    Case("RNN of three steps, W", RNN, "norm(h3 - t)**2", "W", RNN_DEFINE),
    Case("RNN of three steps, U", RNN, "norm(h3 - t)**2", "U", RNN_DEFINE),
    Case("Poisson regression", REGRESSION.replace("y: vector(n)", "y: counts(n)"), "sum(exp(X @ w) - y * (X @ w))", "w"),
    Case("variance", "x: vector(n)", "var(x)", "x"),
    Case("largest entry", "X: matrix(n, d); w: vector(d)", "max(X @ w)", "w"),
    Case("elastic net", REGRESSION + "; lam: positive", "norm(X @ w - y)**2 / (2 * n) + lam * sum(abs(w))", "w"),
    Case("Hessian of x'Ax", SQUARE, "x.T @ A @ x", "x", hessian=True),
    Case("Hessian of ||Ax - b||^2", "A: matrix(m, n); x: vector(n); b: vector(m)", "norm(A @ x - b)**2", "x", hessian=True),
    Case("Hessian of ridge", REGRESSION + "; lam: positive", "norm(X @ w - y)**2 + lam * norm(w)**2", "w", hessian=True),
    Case("Hessian of the logistic loss", REGRESSION.replace("y: vector(n)", "y: labels(n)"),
         "mean(softplus(z) - y * z)", "w", "z: X @ w", hessian=True),
    Case("Hessian of logsumexp", "x: vector(n)", "logsumexp(x)", "x", hessian=True),
    Case("Hessian of ||x||", "x: vector(n)", "norm(x)", "x", hessian=True),
    Case("Hessian of softmax cross-entropy", "z: vector(k); y: one_hot(k)", "-sum(y * log_softmax(z))", "z", hessian=True),
    Case("Hessian of Poisson regression", REGRESSION.replace("y: vector(n)", "y: counts(n)"), "sum(exp(X @ w) - y * (X @ w))",
         "w", hessian=True),
    Case("Hessian of logdet X", "X: matrix(n, n)", "logdet(X)", "X", hessian=True),
    Case("Hessian of tr(X'AX)", "A: symmetric(n); X: matrix(n, d)", "trace(X.T @ A @ X)", "X", hessian=True),
    Case("Hessian of Rayleigh's quotient", "w: vector(n); S: symmetric(n)", "w.T @ S @ w / (w.T @ w)", "w", hessian=True),
]  # fmt: skip
