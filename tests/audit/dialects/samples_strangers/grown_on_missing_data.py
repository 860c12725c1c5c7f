import numpy as np
from sklearn.datasets import fetch_openml


class Network:
    def __init__(self, X_train, Y_train):
        self.X_train, self.Y_train = X_train, Y_train
        self.count = X_train.shape[0]
        self.layers = []

    def add(self, n, m):
        self.layers.append({"W": np.random.randn(n, m) * np.sqrt(2 / n), "b": np.zeros((1, m))})

    def forward(self, X):
        seen = [X]
        for i, layer in enumerate(self.layers):
            Z = seen[-1] @ layer["W"] + layer["b"]
            seen.append(np.maximum(0, Z) if i < len(self.layers) - 1 else Z)
        E = np.exp(seen[-1] - seen[-1].max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True), seen

    def gradients(self, P, seen, Y):
        d = P.copy()
        d[np.arange(len(Y)), Y] -= 1
        d /= len(Y)
        found = []
        for i in reversed(range(len(self.layers))):
            found.insert(0, {"dW": seen[i].T @ d, "db": d.sum(axis=0, keepdims=True)})
            d = (d @ self.layers[i]["W"].T) * (seen[i] > 0)
        return found

    def train(self, epochs, batch_size, learning_rate):
        if learning_rate <= 0:
            raise ValueError("the learning rate must be positive")
        for epoch in range(epochs):
            order = np.random.permutation(self.count)
            for i in range(0, self.count, batch_size):
                X, Y = self.X_train[order[i:i + batch_size]], self.Y_train[order[i:i + batch_size]]
                P, seen = self.forward(X)
                loss = -np.mean(np.log(P[np.arange(len(Y)), Y]))
                for layer, g in zip(self.layers, self.gradients(P, seen, Y)):
                    layer["W"] -= learning_rate * g["dW"]
                    layer["b"] -= learning_rate * g["db"]
            print(epoch, loss)


X, Y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
X, Y = X / 255.0, Y.astype(int)
net = Network(X[:60000], Y[:60000])
net.add(784, 32)
net.add(32, 10)
net.train(epochs=10, batch_size=64, learning_rate=0.01)
