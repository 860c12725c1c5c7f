import numpy as np


class Full:
    def __init__(self, n, m):
        self.weights, self.biases = np.random.randn(n, m) * 0.1, np.zeros((1, m))

    def forward(self, inputs):
        self.inputs, self.output = inputs, inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights, self.dbiases = self.inputs.T @ dvalues, dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class Tanh:
    def forward(self, inputs):
        self.output = np.tanh(inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output ** 2)


class SoftmaxAndLoss:
    def forward(self, inputs):
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)

    def backward(self, dvalues, y_true):
        self.dinputs = (dvalues - y_true) / len(dvalues)


class Model:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            layer.forward(x)
            x = layer.output
        return x

    def backward(self, y):
        self.layers[-1].backward(self.layers[-1].output, y)
        for layer, above in zip(self.layers[-2::-1], self.layers[:0:-1]):
            layer.backward(above.dinputs)

    def train(self, X, Y, epochs, lr):
        for epoch in range(epochs):
            p = self.forward(X)
            loss = -np.mean(np.log(p[np.arange(len(p)), Y.argmax(axis=1)]))
            self.backward(Y)
            for layer in self.layers:
                if hasattr(layer, "weights"):
                    layer.weights -= lr * layer.dweights
                    layer.biases -= lr * layer.dbiases
            print(epoch, loss)


model = Model([Full(8, 15), Tanh(), Full(15, 4), SoftmaxAndLoss()])
