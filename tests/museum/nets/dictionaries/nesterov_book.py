# coding: utf-8
import numpy as np
import matplotlib.pyplot as plt
from dataset.mnist import load_mnist

# 함수와 딕셔너리만으로 쓴 2층 신경망. 출력은 항등 함수, 손실은 오차제곱합.


def relu(x):
    return np.maximum(0, x)


def init_params(n_in, n_hidden, n_out):
    params = {}
    params['W1'] = np.sqrt(2.0 / n_in) * np.random.randn(n_in, n_hidden)
    params['b1'] = np.zeros(n_hidden)
    params['W2'] = np.sqrt(1.0 / n_hidden) * np.random.randn(n_hidden, n_out)
    params['b2'] = np.zeros(n_out)
    return params


def predict(params, x):
    h = relu(np.dot(x, params['W1']) + params['b1'])
    return np.dot(h, params['W2']) + params['b2']


def loss(params, x, t):
    y = predict(params, x)
    return 0.5 * np.sum((y - t) ** 2) / len(x)


def gradient(params, x, t):
    a = np.dot(x, params['W1']) + params['b1']
    h = relu(a)
    y = np.dot(h, params['W2']) + params['b2']
    dy = (y - t) / len(x)
    da = np.dot(dy, params['W2'].T) * (a > 0)
    return {'W1': np.dot(x.T, da), 'b1': da.sum(axis=0), 'W2': np.dot(h.T, dy), 'b2': dy.sum(axis=0)}


class Nesterov:
    def __init__(self, lr=0.02, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params.keys():
            params[key] += self.momentum * self.momentum * self.v[key]
            params[key] -= (1 + self.momentum) * self.lr * grads[key]
            self.v[key] *= self.momentum
            self.v[key] -= self.lr * grads[key]


np.random.seed(1)
params = init_params(784, 40, 10)
optimizer = Nesterov()

if __name__ == '__main__':
    (x_train, t_train), (x_test, t_test) = load_mnist(one_hot_label=True)
    history = []
    for i in range(500):
        mask = np.random.choice(len(x_train), 50)
        optimizer.update(params, gradient(params, x_train[mask], t_train[mask]))
        history.append(loss(params, x_train[mask], t_train[mask]))
    plt.plot(history)
    plt.show()
    print('정확도', np.mean(predict(params, x_test).argmax(axis=1) == t_test.argmax(axis=1)))
