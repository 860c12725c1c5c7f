"""Uma rede feita onde é entregue ao treino, por um método da classe."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Camada:
    pesos: np.ndarray
    vies: np.ndarray
    dobra: bool

    def frente(self, x):
        self.x, self.z = x, x @ self.pesos + self.vies
        return np.tanh(self.z) if self.dobra else 1 / (1 + np.exp(-self.z))

    def tras(self, erro):
        if self.dobra:
            erro = erro * (1 - np.tanh(self.z) ** 2)
        self.dpesos, self.dvies = self.x.T @ erro, erro.sum(axis=0, keepdims=True)
        return erro @ self.pesos.T

    def passo(self, taxa):
        self.pesos -= taxa * self.dpesos
        self.vies -= taxa * self.dvies


class Rede:
    def __init__(self, camadas):
        self.camadas = camadas

    @classmethod
    def de_tamanhos(cls, tamanhos):
        pares = list(zip(tamanhos, tamanhos[1:]))
        return cls([Camada(np.random.randn(a, b), np.zeros((1, b)), i < len(pares) - 1)
                    for i, (a, b) in enumerate(pares)])

    def forward(self, x):
        for camada in self.camadas:
            x = camada.frente(x)
        return x

    def backward(self, erro):
        for camada in reversed(self.camadas):
            erro = camada.tras(erro)

    def passo(self, taxa):
        for camada in self.camadas:
            camada.passo(taxa)


def treinar(rede, X, y, epocas=10, taxa=0.1, lote=16):
    for _ in range(epocas):
        ordem = np.random.permutation(len(X))
        perda = 0.0
        for i in range(0, len(X), lote):
            linhas = ordem[i : i + lote]
            p = rede.forward(X[linhas])
            perda += -np.mean(y[linhas] * np.log(p) + (1 - y[linhas]) * np.log(1 - p))
            rede.backward((p - y[linhas]) / len(linhas))
            rede.passo(taxa)
        print(perda)


if __name__ == "__main__":
    X = np.random.rand(100, 7)
    y = (X.sum(axis=1, keepdims=True) > 3).astype(float)
    treinar(Rede.de_tamanhos([7, 5, 1]), X, y)
