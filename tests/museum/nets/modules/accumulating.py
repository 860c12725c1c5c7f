"""PyTorch-like: weight is (out, in), gradients accumulate, zero_grad() before each backward."""
import numpy as np
from keras.datasets import mnist


class Module:
    def __init__(self):
        self._params = {}
        self._grads = {}

    def register(self, name, value):
        self._params[name] = value
        self._grads[name] = np.zeros_like(value)

    def zero_grad(self):
        for g in self._grads.values():
            g.fill(0)


class Linear(Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        bound = 1 / np.sqrt(in_features)
        self.register("weight", np.random.uniform(-bound, bound, (out_features, in_features)))
        self.register("bias", np.random.uniform(-bound, bound, out_features))

    def forward(self, x):
        self.x = x
        return x @ self._params["weight"].T + self._params["bias"]

    def backward(self, grad):
        self._grads["weight"] += grad.T @ self.x
        self._grads["bias"] += grad.sum(axis=0)
        return grad @ self._params["weight"]


class ReLU(Module):
    def forward(self, x):
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, grad):
        return np.where(self.y > 0, grad, 0)


class LogSoftmax(Module):
    def forward(self, x):
        x = x - x.max(axis=1, keepdims=True)
        self.y = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        return self.y

    def backward(self, grad):
        return grad - np.exp(self.y) * grad.sum(axis=1, keepdims=True)


class NLLLoss:
    def forward(self, log_probs, target):
        self.shape, self.target = log_probs.shape, target
        return -log_probs[np.arange(len(target)), target].mean()

    def backward(self):
        grad = np.zeros(self.shape)
        grad[np.arange(len(self.target)), self.target] = -1 / len(self.target)
        return grad


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)

    def zero_grad(self):
        for layer in self.layers:
            layer.zero_grad()

    def parameters(self):
        return [(layer._params[k], layer._grads[k]) for layer in self.layers for k in layer._params]


class SGD:
    def __init__(self, parameters, lr):
        self.parameters, self.lr = parameters, lr

    def step(self):
        for p, g in self.parameters:
            p -= self.lr * g


np.random.seed(0)
model = Sequential(Linear(784, 64), ReLU(), Linear(64, 10), LogSoftmax())
criterion = NLLLoss()
optimizer = SGD(model.parameters(), lr=0.15)


def fit(x, y, epochs=12, batch=32):
    for epoch in range(epochs):
        order = np.random.permutation(len(x))
        for i in range(0, len(x), batch):
            rows = order[i:i + batch]
            loss = criterion.forward(model.forward(x[rows]), y[rows])
            model.zero_grad()
            model.backward(criterion.backward())
            optimizer.step()
        print("epoch", epoch, "loss", loss)


if __name__ == "__main__":
    (x, y), (x_test, y_test) = mnist.load_data()
    fit(x.reshape(-1, 784) / 255, y)
    print("accuracy", (model.forward(x_test.reshape(-1, 784) / 255).argmax(axis=1) == y_test).mean())
