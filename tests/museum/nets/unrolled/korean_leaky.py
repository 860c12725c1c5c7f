# 3층 신경망 (드롭아웃 포함) - 과제 3
import numpy as np
from dataset.mnist import load_mnist


class ThreeLayerNet:
    """784 - 128 - 64 - 10"""

    def __init__(self, input_size=784, hidden1=128, hidden2=64, output_size=10, drop=0.3):
        # 가중치 초기화 (He)
        self.w1 = np.random.randn(input_size, hidden1) * np.sqrt(2.0 / input_size)
        self.b1 = np.zeros(hidden1)
        self.w2 = np.random.randn(hidden1, hidden2) * np.sqrt(2.0 / hidden1)
        self.b2 = np.zeros(hidden2)
        self.w3 = np.random.randn(hidden2, output_size) * np.sqrt(2.0 / hidden2)
        self.b3 = np.zeros(output_size)
        self.drop = drop

    def predict(self, x, train_flg=False):
        self.x = x
        self.u1 = np.dot(x, self.w1) + self.b1
        self.h1 = np.where(self.u1 > 0, self.u1, 0.01 * self.u1)
        if train_flg:
            self.mask1 = np.random.rand(*self.h1.shape) > self.drop
            self.h1 = self.h1 * self.mask1
        else:
            self.h1 = self.h1 * (1.0 - self.drop)
        self.u2 = np.dot(self.h1, self.w2) + self.b2
        self.h2 = np.where(self.u2 > 0, self.u2, 0.01 * self.u2)
        if train_flg:
            self.mask2 = np.random.rand(*self.h2.shape) > self.drop
            self.h2 = self.h2 * self.mask2
        else:
            self.h2 = self.h2 * (1.0 - self.drop)
        u3 = np.dot(self.h2, self.w3) + self.b3
        u3 = u3 - np.max(u3, axis=1, keepdims=True)
        return np.exp(u3) / np.sum(np.exp(u3), axis=1, keepdims=True)

    def loss(self, x, t):
        """교차 엔트로피 오차"""
        self.y = self.predict(x, train_flg=True)
        return -np.sum(t * np.log(self.y + 1e-7)) / x.shape[0]

    def accuracy(self, x, t):
        y = np.argmax(self.predict(x), axis=1)
        return np.sum(y == np.argmax(t, axis=1)) / float(x.shape[0])

    def gradient(self, t):
        n = t.shape[0]
        d3 = (self.y - t) / n
        self.dw3 = np.dot(self.h2.T, d3)
        self.db3 = np.sum(d3, axis=0)
        d2 = np.dot(d3, self.w3.T) * self.mask2
        d2 = d2 * np.where(self.u2 > 0, 1, 0.01)
        self.dw2 = np.dot(self.h1.T, d2)
        self.db2 = np.sum(d2, axis=0)
        d1 = np.dot(d2, self.w2.T) * self.mask1
        d1 = d1 * np.where(self.u1 > 0, 1, 0.01)
        self.dw1 = np.dot(self.x.T, d1)
        self.db1 = np.sum(d1, axis=0)

    def update(self, lr):
        self.w1 -= lr * self.dw1
        self.b1 -= lr * self.db1
        self.w2 -= lr * self.dw2
        self.b2 -= lr * self.db2
        self.w3 -= lr * self.dw3
        self.b3 -= lr * self.db3


if __name__ == '__main__':
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)
    network = ThreeLayerNet()
    batch_size = 100
    iter_per_epoch = max(x_train.shape[0] // batch_size, 1)

    for i in range(12 * iter_per_epoch):
        batch_mask = np.random.choice(x_train.shape[0], batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]
        loss = network.loss(x_batch, t_batch)
        network.gradient(t_batch)
        network.update(0.2)
        if i % iter_per_epoch == 0:
            print('손실:', loss, '정확도:', network.accuracy(x_test, t_test))
    print('최종 정확도', network.accuracy(x_test, t_test))
