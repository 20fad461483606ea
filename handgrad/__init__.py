from handgrad.rules import *
