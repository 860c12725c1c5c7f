"""A loop makes the same network for each activation of a table; its passes have names of their own."""

import numpy as np


def tanh(z):
    return np.tanh(z)


def relu(z):
    return np.maximum(0, z)


class Red:
    def __init__(self, entradas, ocultas, salidas, bend, slope):
        self.W1, self.W2 = np.random.randn(entradas, ocultas), np.random.randn(ocultas, salidas)
        self.bend, self.slope = bend, slope

    def propagar_adelante(self, X):
        self.z = X @ self.W1
        self.h = self.bend(self.z)
        return self.h @ self.W2

    def entrenar(self, X, metas, tasa, epocas):
        for _ in range(epocas):
            error = (self.propagar_adelante(X) - metas) / len(X)
            down = error @ self.W2.T * self.slope(self.z)
            self.W2 -= tasa * self.h.T @ error
            self.W1 -= tasa * X.T @ down


if __name__ == "__main__":
    bends = {"tanh": (tanh, lambda z: 1 - np.tanh(z) ** 2), "relu": (relu, lambda z: z > 0)}
    X = np.random.rand(30, 5)
    for name, (bend, slope) in bends.items():
        red = Red(5, 8, 3, bend, slope)
        red.entrenar(X, X[:, :3] ** 2, tasa=0.1, epocas=300)
