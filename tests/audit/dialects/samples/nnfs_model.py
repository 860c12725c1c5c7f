"""A model class with add, set and train, layers linked to one another, as later chapters have it."""
# ruff: noqa - written as strangers write

import numpy as np


class LayerDense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 0.05 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class ActivationReLU:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class ActivationLinear:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = inputs

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()


class LossMeanSquaredError:
    def calculate(self, output, y):
        return np.mean(self.forward(output, y))

    def forward(self, y_pred, y_true):
        return np.mean((y_true - y_pred) ** 2, axis=-1)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        outputs = len(dvalues[0])
        self.dinputs = -2 * (y_true - dvalues) / outputs
        self.dinputs = self.dinputs / samples


class OptimizerSGD:
    def __init__(self, learning_rate=1.0):
        self.learning_rate = learning_rate

    def update_params(self, layer):
        layer.weights += -self.learning_rate * layer.dweights
        layer.biases += -self.learning_rate * layer.dbiases


class Model:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def set(self, *, loss, optimizer):
        self.loss = loss
        self.optimizer = optimizer

    def forward(self, X, training):
        for layer in self.layers:
            layer.forward(X, training)
            X = layer.output
        return X

    def backward(self, output, y):
        self.loss.backward(output, y)
        dinputs = self.loss.dinputs
        for layer in reversed(self.layers):
            layer.backward(dinputs)
            dinputs = layer.dinputs

    def train(self, X, y, *, epochs=1, print_every=1):
        for epoch in range(1, epochs + 1):
            output = self.forward(X, training=True)
            data_loss = self.loss.calculate(output, y)
            self.backward(output, y)
            for layer in self.layers:
                if hasattr(layer, "weights"):
                    self.optimizer.update_params(layer)
            if not epoch % print_every:
                print(f"epoch: {epoch}, loss: {data_loss:.3f}")


model = Model()
model.add(LayerDense(6, 20))
model.add(ActivationReLU())
model.add(LayerDense(20, 4))
model.add(ActivationLinear())
model.set(loss=LossMeanSquaredError(), optimizer=OptimizerSGD(learning_rate=0.05))

if __name__ == "__main__":
    model.train(np.random.rand(50, 6), np.random.rand(50, 4), epochs=1000, print_every=100)
