"""The kinds of questions, one file each."""

from derive.topics import backward as backward
from derive.topics import by_hand as by_hand
from derive.topics import closed_form as closed_form
from derive.topics import convexity as convexity
from derive.topics import dropout as dropout
from derive.topics import evaluate as evaluate
from derive.topics import expectation as expectation
from derive.topics import forward as forward
from derive.topics import gradient as gradient
from derive.topics import growth as growth
from derive.topics import jacobian as jacobian
from derive.topics import limits as limits
from derive.topics import logic as logic
from derive.topics import loss as loss
from derive.topics import minimise as minimise
from derive.topics import output as output
from derive.topics import output_shape as output_shape
from derive.topics import parameters as parameters
from derive.topics import receptive as receptive
from derive.topics import series as series
from derive.topics import shapes as shapes
from derive.topics import show as show
from derive.topics import stack_answers as stack_answers
from derive.topics import training as training
from derive.topics import update as update
from derive.topics import vanishing as vanishing
