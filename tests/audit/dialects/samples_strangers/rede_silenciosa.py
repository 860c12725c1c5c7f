"""Sizes under names that tell nothing, outputs in a list, a weight decay, and no loss beside the update."""

import numpy as np


def achatar(z):
    return 1 / (1 + np.exp(-z))


class Rede:
    def __init__(self, n_entradas, ocultas=(9,), taxa=0.05, freio=1e-3):
        tamanhos = [n_entradas, *ocultas, 1]
        self.pesos = [np.random.randn(n, m) / np.sqrt(n) for n, m in zip(tamanhos, tamanhos[1:])]
        self.vieses = [np.zeros((1, m)) for m in tamanhos[1:]]
        self.taxa, self.freio = taxa, freio

    def propagar(self, X):
        vistos = [X]
        for i, (W, b) in enumerate(zip(self.pesos, self.vieses)):
            z = vistos[-1] @ W + b
            vistos.append(achatar(z) if i + 1 == len(self.pesos) else np.tanh(z))
        return vistos

    def corrigir(self, vistos, y):
        d, passos = vistos[-1] - y.reshape(-1, 1), []
        for i in reversed(range(len(self.pesos))):
            passos.insert(0, (vistos[i].T @ d / len(y) + self.freio * self.pesos[i], d.mean(axis=0, keepdims=True)))
            d = (d @ self.pesos[i].T) * (1 - vistos[i] ** 2)
        return passos

    def fit(self, X, y, epocas=20, lote=16):
        for epoca in range(epocas):
            ordem = np.random.permutation(len(X))
            for inicio in range(0, len(X), lote):
                idx = ordem[inicio : inicio + lote]
                vistos = self.propagar(X[idx])
                for i, (dW, db) in enumerate(self.corrigir(vistos, y[idx])):
                    self.pesos[i] -= self.taxa * dW
                    self.vieses[i] -= self.taxa * db
        return self
