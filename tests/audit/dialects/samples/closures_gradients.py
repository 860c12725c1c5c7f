"""The way back returns the gradients beside the error, and a training function subtracts them by name."""
# ruff: noqa - written as strangers write

import numpy as np


class Dense:
    def __init__(self, size_in, size_out):
        self.w = np.random.randn(size_in, size_out) * np.sqrt(1 / size_in)
        self.bias = np.zeros(size_out)

    def forward(self, x):
        def backward(grad_out):
            self.w_grad = x.T.dot(grad_out) / len(x)
            self.bias_grad = grad_out.mean(axis=0)
            return grad_out.dot(self.w.T)

        return x.dot(self.w) + self.bias, backward

    def apply(self, lr):
        self.w -= lr * self.w_grad
        self.bias -= lr * self.bias_grad


class LeakyReLU:
    def forward(self, x):
        return np.where(x > 0, x, 0.01 * x), lambda grad_out: np.where(x > 0, grad_out, 0.01 * grad_out)


layers = [Dense(784, 30), LeakyReLU(), Dense(30, 10)]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def fit(images, labels, epochs=3, batch_size=64, lr=0.1):
    for epoch in range(epochs):
        total, batches = 0.0, 0
        for start in range(0, len(images), batch_size):
            x, t = images[start : start + batch_size], labels[start : start + batch_size]
            backs = []
            for layer in layers:
                x, back = layer.forward(x)
                backs.append(back)
            p = softmax(x)
            total += -np.mean(np.log(p[np.arange(len(t)), t]))
            batches += 1
            p[np.arange(len(t)), t] -= 1
            for back in reversed(backs):
                p = back(p)
            for layer in layers:
                if hasattr(layer, "apply"):
                    layer.apply(lr)
        print("epoch", epoch, "loss", total / batches)


if __name__ == "__main__":
    fit(np.random.rand(1000, 784), np.random.randint(0, 10, 1000))
