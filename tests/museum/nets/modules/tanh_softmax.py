import numpy as np
from tensorflow.keras.datasets import mnist

# 모든 층이 forward/backward를 갖는다. softmax와 손실은 따로 둔다.


class Layer:
    params = ()
    grads = ()

    def forward(self, X):
        raise NotImplementedError

    def backward(self, dY):
        raise NotImplementedError


class Dense(Layer):
    def __init__(self, fan_in, fan_out, rng):
        limit = np.sqrt(6 / (fan_in + fan_out))
        self.weights = rng.uniform(-limit, limit, (fan_in, fan_out))
        self.bias = np.zeros((1, fan_out))
        self.grad_weights = np.zeros_like(self.weights)
        self.grad_bias = np.zeros_like(self.bias)
        self.params = [self.weights, self.bias]
        self.grads = [self.grad_weights, self.grad_bias]

    def forward(self, X):
        self.X = X
        return X.dot(self.weights) + self.bias

    def backward(self, dY):
        self.grad_weights[:] = self.X.T.dot(dY)
        self.grad_bias[:] = dY.sum(axis=0, keepdims=True)
        return dY.dot(self.weights.T)


class Tanh(Layer):
    def forward(self, X):
        self.out = np.tanh(X)
        return self.out

    def backward(self, dY):
        return dY * (1 - self.out ** 2)


class Softmax(Layer):
    def forward(self, X):
        e = np.exp(X - X.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return self.p

    def backward(self, dY):
        # 야코비안 전체: p_i (delta_ij - p_j)
        return self.p * (dY - (dY * self.p).sum(axis=1, keepdims=True))


class CrossEntropyLoss:
    eps = 1e-12

    def forward(self, p, t):
        self.p = p
        self.t = t
        return -np.sum(t * np.log(p + self.eps)) / len(p)

    def backward(self):
        return -self.t / (self.p + self.eps) / len(self.p)


class Momentum:
    def __init__(self, layers, lr=0.1, momentum=0.9):
        self.layers = layers
        self.lr = lr
        self.momentum = momentum
        self.velocity = [np.zeros_like(p) for layer in layers for p in layer.params]

    def step(self):
        i = 0
        for layer in self.layers:
            for p, g in zip(layer.params, layer.grads):
                self.velocity[i] = self.momentum * self.velocity[i] - self.lr * g
                p += self.velocity[i]
                i += 1


class Network:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, X):
        out = X
        for layer in self.layers:
            out = layer.forward(out)
        return out

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)


def one_hot(y, k=10):
    t = np.zeros((len(y), k))
    t[np.arange(len(y)), y] = 1
    return t


rng = np.random.default_rng(7)
net = Network(Dense(784, 64, rng), Tanh(), Dense(64, 64, rng), Tanh(), Dense(64, 10, rng), Softmax())
loss_fn = CrossEntropyLoss()
optimizer = Momentum(net.layers, lr=0.05)

(x_train, y_train), (x_test, y_test) = mnist.load_data()
x_train = x_train.reshape(len(x_train), -1) / 255.
x_test = x_test.reshape(len(x_test), -1) / 255.
t_train = one_hot(y_train)

batch_size = 50
for epoch in range(8):
    idx = rng.permutation(len(x_train))
    for s in range(0, len(idx), batch_size):
        b = idx[s:s + batch_size]
        p = net.forward(x_train[b])
        loss = loss_fn.forward(p, t_train[b])
        net.backward(loss_fn.backward())
        optimizer.step()
    acc = (net.forward(x_test).argmax(axis=1) == y_test).mean()
    print("에폭", epoch, "손실", loss, "정확도", acc)
