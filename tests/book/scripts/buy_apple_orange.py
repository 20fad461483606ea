"""Two apples at 100 and three oranges at 150 each, with 10 % tax."""

from handgrad.book import AddLayer, MulLayer

apple, apple_num = 100, 2
orange, orange_num = 150, 3
tax = 1.1

apples_layer = MulLayer()
oranges_layer = MulLayer()
fruit_layer = AddLayer()
tax_layer = MulLayer()

apples_price = apples_layer.forward(apple, apple_num)
oranges_price = oranges_layer.forward(orange, orange_num)
fruit_price = fruit_layer.forward(apples_price, oranges_price)
price = tax_layer.forward(fruit_price, tax)

dfruit_price, dtax = tax_layer.backward(1)
dapples_price, doranges_price = fruit_layer.backward(dfruit_price)
dorange, dorange_num = oranges_layer.backward(doranges_price)
dapple, dapple_num = apples_layer.backward(dapples_price)

print("price:", int(price))
print("dApple:", dapple)
print("dApple_num:", int(dapple_num))
print("dOrange:", dorange)
print("dOrange_num:", int(dorange_num))
print("dTax:", dtax)
