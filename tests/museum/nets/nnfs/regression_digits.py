"""Linear output and mean squared error over batch and outputs, AdaGrad."""
import numpy as np
from sklearn.datasets import load_digits


class LayerDense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = np.random.randn(n_inputs, n_neurons) * np.sqrt(1 / n_inputs)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases
        return self.output

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T
        return self.dinputs


class ActivationSwish:
    def forward(self, inputs):
        self.inputs = inputs
        self.gate = 1 / (1 + np.exp(-inputs))
        self.output = inputs * self.gate
        return self.output

    def backward(self, dvalues):
        self.dinputs = dvalues * (self.gate + self.output * (1 - self.gate))
        return self.dinputs


class LossMSE:
    def forward(self, y_pred, y_true):
        return np.mean((y_true - y_pred) ** 2)

    def backward(self, dvalues, y_true):
        samples, outputs = dvalues.shape
        self.dinputs = -2 * (y_true - dvalues) / outputs / samples
        return self.dinputs


class OptimizerAdagrad:
    def __init__(self, learning_rate=0.1, epsilon=1e-7):
        self.learning_rate, self.epsilon = learning_rate, epsilon

    def update_params(self, layer):
        if not hasattr(layer, "weight_cache"):
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_cache += layer.dweights ** 2
        layer.bias_cache += layer.dbiases ** 2
        layer.weights += -self.learning_rate * layer.dweights / (np.sqrt(layer.weight_cache) + self.epsilon)
        layer.biases += -self.learning_rate * layer.dbiases / (np.sqrt(layer.bias_cache) + self.epsilon)


np.random.seed(8)
dense1, swish, dense2 = LayerDense(64, 40), ActivationSwish(), LayerDense(40, 10)
loss_function, optimizer = LossMSE(), OptimizerAdagrad(0.05)


def forward(X):
    return dense2.forward(swish.forward(dense1.forward(X)))


def train_step(X, T):
    output = forward(X)
    loss = loss_function.forward(output, T)
    dense1.backward(swish.backward(dense2.backward(loss_function.backward(output, T))))
    optimizer.update_params(dense1)
    optimizer.update_params(dense2)
    return loss


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    X, T = X / 16, np.eye(10)[y]
    n = int(0.8 * len(X))
    for epoch in range(25):
        order = np.random.permutation(n)
        for i in range(0, n, 20):
            loss = train_step(X[order[i:i + 20]], T[order[i:i + 20]])
        print(epoch, loss)
    print("accuracy", np.mean(forward(X[n:]).argmax(axis=1) == y[n:]))
