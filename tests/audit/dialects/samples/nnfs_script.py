"""Dense layers with one activation each, sigmoid outputs and a binary loss, trained at top level."""
# ruff: noqa - written as strangers write

import numpy as np


class Dense:
    def __init__(self, inputs, neurons):
        self.weights = np.random.randn(inputs, neurons) * 0.1
        self.biases = np.zeros((1, neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class Sigmoid:
    def forward(self, inputs):
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output


class BinaryCrossentropy:
    def calculate(self, output, y):
        p = np.clip(output, 1e-9, 1 - 1e-9)
        return np.mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)))

    def backward(self, output, y):
        p = np.clip(output, 1e-9, 1 - 1e-9)
        self.dinputs = -(y / p - (1 - y) / (1 - p)) / y.size


class SGD:
    def __init__(self, learning_rate=1.0):
        self.learning_rate = learning_rate

    def update_params(self, layer):
        layer.weights -= self.learning_rate * layer.dweights
        layer.biases -= self.learning_rate * layer.dbiases


data = np.random.rand(256, 8)
targets = (np.random.rand(256, 3) > 0.5).astype(float)

hidden = Dense(8, 16)
hidden_act = Sigmoid()
out = Dense(16, 3)
out_act = Sigmoid()
criterion = BinaryCrossentropy()
sgd = SGD(0.5)

for step in range(2001):
    hidden.forward(data)
    hidden_act.forward(hidden.output)
    out.forward(hidden_act.output)
    out_act.forward(out.output)
    loss = criterion.calculate(out_act.output, targets)
    criterion.backward(out_act.output, targets)
    out_act.backward(criterion.dinputs)
    out.backward(out_act.dinputs)
    hidden_act.backward(out.dinputs)
    hidden.backward(hidden_act.dinputs)
    for layer in [hidden, out]:
        sgd.update_params(layer)
    if step % 500 == 0:
        print(step, loss)
