"""Dropout that keeps, under the name of a rate, the share that stays, and gives its output as an attribute."""

import numpy as np


class Dense:
    def __init__(self, n, m):
        self.weights, self.biases = np.random.randn(n, m) / np.sqrt(n), np.zeros((1, m))

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class Relu:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.maximum(inputs, 0)

    def backward(self, dvalues):
        self.dinputs = dvalues * (self.inputs > 0)


class Dropout:
    def __init__(self, rate):
        self.dropout_rate = 1 - rate

    def forward(self, inputs, training):
        self.output = inputs.copy()
        if training:
            self.mask = np.random.binomial(1, self.dropout_rate, inputs.shape) / self.dropout_rate
            self.output = inputs * self.mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.mask


class Softmax:
    def forward(self, inputs, training):
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)


class Entropy:
    def calculate(self, output, y):
        return np.mean(-np.log(output[range(len(y)), y]))

    def backward(self, output, y):
        self.dinputs = output.copy()
        self.dinputs[range(len(y)), y] -= 1
        self.dinputs /= len(y)


class Model:
    def __init__(self):
        self.layers, self.loss = [], Entropy()

    def add(self, layer):
        self.layers.append(layer)

    def forward(self, X, training):
        for layer in self.layers:
            layer.forward(X, training)
            X = layer.output
        return X

    def train(self, X, y, epochs, lr):
        for epoch in range(epochs):
            output = self.forward(X, training=True)
            print(epoch, self.loss.calculate(output, y))
            self.loss.backward(output, y)
            d = self.loss.dinputs
            for layer in reversed(self.layers[:-1]):
                layer.backward(d)
                d = layer.dinputs
            for layer in self.layers:
                if hasattr(layer, "weights"):
                    layer.weights -= lr * layer.dweights
                    layer.biases -= lr * layer.dbiases


model = Model()
model.add(Dense(11, 8))
model.add(Relu())
model.add(Dropout(0.1))
model.add(Dense(8, 5))
model.add(Softmax())
model.train(np.random.rand(300, 11), np.random.randint(0, 5, 300), 100, 0.5)
