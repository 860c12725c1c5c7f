"""A Model with add/finalize/train, softmax apart from its loss, Adam, dropout and L2."""
import numpy as np
from sklearn.datasets import load_digits


class DenseLayer:
    def __init__(self, n_inputs, n_neurons, l2=0.0):
        self.weights = np.random.randn(n_inputs, n_neurons) * np.sqrt(1 / n_inputs)
        self.biases = np.zeros((1, n_neurons))
        self.l2 = l2

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dweights += 2 * self.l2 * self.weights
        self.dinputs = np.dot(dvalues, self.weights.T)


class Dropout:
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs, training):
        if not training:
            self.output = inputs.copy()
            return
        self.binary_mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask


class TanhActivation:
    def forward(self, inputs, training):
        self.output = np.tanh(inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output ** 2)


class SoftmaxActivation:
    def forward(self, inputs, training):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (single_output, single_dvalues) in enumerate(zip(self.output, dvalues)):
            single_output = single_output.reshape(-1, 1)
            jacobian_matrix = np.diagflat(single_output) - np.dot(single_output, single_output.T)
            self.dinputs[index] = np.dot(jacobian_matrix, single_dvalues)


class CategoricalCrossentropy:
    def calculate(self, y_pred, y_true):
        clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        return np.mean(-np.log(np.sum(clipped * y_true, axis=1)))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = -y_true / dvalues
        self.dinputs = self.dinputs / samples


class OptimizerAdam:
    def __init__(self, learning_rate=0.005, epsilon=1e-7, beta_1=0.9, beta_2=0.999):
        self.learning_rate = learning_rate
        self.epsilon = epsilon
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.iterations = 0

    def update_params(self, layer):
        if not hasattr(layer, "weight_cache"):
            layer.weight_momentums = np.zeros_like(layer.weights)
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_momentums = np.zeros_like(layer.biases)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_momentums = self.beta_1 * layer.weight_momentums + (1 - self.beta_1) * layer.dweights
        layer.bias_momentums = self.beta_1 * layer.bias_momentums + (1 - self.beta_1) * layer.dbiases
        layer.weight_cache = self.beta_2 * layer.weight_cache + (1 - self.beta_2) * layer.dweights ** 2
        layer.bias_cache = self.beta_2 * layer.bias_cache + (1 - self.beta_2) * layer.dbiases ** 2
        correction_1 = 1 - self.beta_1 ** (self.iterations + 1)
        correction_2 = 1 - self.beta_2 ** (self.iterations + 1)
        layer.weights += -self.learning_rate * (layer.weight_momentums / correction_1) / (
            np.sqrt(layer.weight_cache / correction_2) + self.epsilon)
        layer.biases += -self.learning_rate * (layer.bias_momentums / correction_1) / (
            np.sqrt(layer.bias_cache / correction_2) + self.epsilon)

    def post_update_params(self):
        self.iterations += 1


class Model:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def set(self, *, loss, optimizer):
        self.loss = loss
        self.optimizer = optimizer

    def forward(self, X, training):
        output = X
        for layer in self.layers:
            layer.forward(output, training)
            output = layer.output
        return output

    def total_loss(self, output, y):
        penalty = sum(layer.l2 * np.sum(layer.weights ** 2) for layer in self.layers if hasattr(layer, "weights"))
        return self.loss.calculate(output, y) + penalty

    def backward(self, output, y):
        self.loss.backward(output, y)
        dinputs = self.loss.dinputs
        for layer in reversed(self.layers):
            layer.backward(dinputs)
            dinputs = layer.dinputs

    def train(self, X, y, *, epochs=1, batch_size=32):
        for epoch in range(1, epochs + 1):
            keys = np.random.permutation(len(X))
            for start in range(0, len(X), batch_size):
                rows = keys[start:start + batch_size]
                output = self.forward(X[rows], training=True)
                loss = self.total_loss(output, y[rows])
                self.backward(output, y[rows])
                for layer in self.layers:
                    if hasattr(layer, "weights"):
                        self.optimizer.update_params(layer)
                self.optimizer.post_update_params()
            print("epoch", epoch, "loss", loss)

    def predict(self, X):
        return np.argmax(self.forward(X, training=False), axis=1)


np.random.seed(4)
model = Model()
model.add(DenseLayer(64, 48, l2=1e-4))
model.add(TanhActivation())
model.add(Dropout(0.1))
model.add(DenseLayer(48, 10, l2=1e-4))
model.add(SoftmaxActivation())
model.set(loss=CategoricalCrossentropy(), optimizer=OptimizerAdam())

if __name__ == "__main__":
    digits = load_digits()
    X, y = digits.data / 16, digits.target
    n = int(0.8 * len(X))
    model.train(X[:n], np.eye(10)[y[:n]], epochs=20)
    print("test accuracy:", np.mean(model.predict(X[n:]) == y[n:]))
