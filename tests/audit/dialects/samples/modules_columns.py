"""Samples as columns; each layer updates itself on the way back; a binary cost over several outputs."""
# ruff: noqa - written as strangers write

import numpy as np


class Layer:
    def __init__(self, n_in, n_out, activation="sigmoid"):
        self.W = np.random.normal(0, 0.5, (n_out, n_in))
        self.b = np.random.normal(0, 0.5, (n_out, 1))
        self.activation = activation

    def forward(self, A_prev):
        self.A_prev = A_prev
        self.Z = self.W.dot(A_prev) + self.b
        self.A = 1 / (1 + np.exp(-self.Z)) if self.activation == "sigmoid" else np.maximum(0, self.Z)
        return self.A

    def backward(self, dA, learning_rate):
        m = dA.shape[1]
        if self.activation == "sigmoid":
            dZ = dA * self.A * (1 - self.A)
        else:
            dZ = dA * (self.Z > 0)
        dW = dZ.dot(self.A_prev.T) / m
        db = dZ.sum(axis=1, keepdims=True) / m
        dA_prev = self.W.T.dot(dZ)
        self.W -= learning_rate * dW
        self.b -= learning_rate * db
        return dA_prev


class Net:
    def __init__(self, layer_dims, learning_rate=0.05):
        self.layers = []
        self.learning_rate = learning_rate
        for i in range(1, len(layer_dims)):
            act = "sigmoid" if i == len(layer_dims) - 1 else "relu"
            self.layers.append(Layer(layer_dims[i - 1], layer_dims[i], act))

    def forward(self, X):
        A = X
        for l in self.layers:
            A = l.forward(A)
        return A

    def cost(self, AL, Y):
        m = Y.shape[1]
        return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m

    def backward(self, AL, Y):
        dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
        for l in reversed(self.layers):
            dA = l.backward(dA, self.learning_rate)

    def train(self, X, Y, num_iterations=2500, print_cost=False):
        costs = []
        for i in range(num_iterations):
            AL = self.forward(X)
            c = self.cost(AL, Y)
            self.backward(AL, Y)
            if print_cost and i % 100 == 0:
                print(i, c)
            costs.append(c)
        return costs
