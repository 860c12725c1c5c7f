import numpy as np
import mnist_loader

# 행렬로 한꺼번에 계산하는 미니배치 버전. ReLU 은닉층, softmax 출력. 기울기는 합이고, 나누기는 갱신할 때 한 번.


class Network:
    def __init__(self, sizes):
        self.sizes = sizes
        self.L = len(sizes)
        self.biases = [np.zeros((n, 1)) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) * np.sqrt(2 / m) for m, n in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for i, (b, w) in enumerate(zip(self.biases, self.weights)):
            z = w @ a + b
            a = np.maximum(z, 0) if i < self.L - 2 else softmax(z)
        return a

    def backprop(self, x, y):
        a, acts, zs = x, [x], []
        for i, (b, w) in enumerate(zip(self.biases, self.weights)):
            z = w @ a + b
            zs.append(z)
            a = np.maximum(z, 0) if i < self.L - 2 else softmax(z)
            acts.append(a)
        nabla_b, nabla_w = [None] * (self.L - 1), [None] * (self.L - 1)
        delta = acts[-1] - y
        for l in range(1, self.L):
            if l > 1:
                delta = (self.weights[-l + 1].T @ delta) * (zs[-l] > 0)
            nabla_b[-l] = delta.sum(axis=1).reshape(-1, 1)
            nabla_w[-l] = delta @ acts[-l - 1].T
        return nabla_b, nabla_w

    def update_mini_batch(self, x, y, eta):
        nabla_b, nabla_w = self.backprop(x, y)
        size = x.shape[1]
        for i in range(self.L - 1):
            self.biases[i] -= eta / size * nabla_b[i]
            self.weights[i] -= eta / size * nabla_w[i]

    def cost(self, x, y):
        return -np.sum(y * np.log(self.feedforward(x) + 1e-10)) / x.shape[1]


def softmax(z):
    e = np.exp(z - np.max(z, axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


np.random.seed(77)
net = Network([784, 50, 10])

if __name__ == "__main__":
    train, _, test = mnist_loader.load_data_wrapper()
    X = np.concatenate([a for a, _ in train], axis=1)
    Y = np.concatenate([b for _, b in train], axis=1)
    for epoch in range(12):
        order = np.random.permutation(X.shape[1])
        for s in range(0, len(order), 25):
            batch = order[s:s + 25]
            net.update_mini_batch(X[:, batch], Y[:, batch], 0.2)
        print("epoch", epoch, "cost", net.cost(X, Y))
    answers = net.feedforward(np.concatenate([a for a, _ in test], axis=1)).argmax(axis=0)
    print("accuracy", np.mean(answers == np.array([b for _, b in test])))
