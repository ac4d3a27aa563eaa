"""The form of the page that trains offers what a browser can train, and refuses what labcode refuses."""

from itertools import product

import pytest
from bs4 import BeautifulSoup

from labcode.network import ConvNetConfig
from labcode.pages import Trainer
from labcode.pages.trainer import CHOICES, FIRST, page_choices, page_settings, refused
from labcode.study import Experiment


def test_the_form_offers_every_choice_and_begins_at_the_baseline():
    form = BeautifulSoup(Trainer()._repr_html_(), "html.parser").form
    for name, choices in CHOICES.items():
        options = form.select(f'select[name="{name}"] option')
        assert [option.text for option in options] == list(choices)
        assert [option.text for option in options if option.has_attr("selected")] == [FIRST[name]]
    settings = {k: v for name, label in FIRST.items() for k, v in CHOICES[name][label].items()}
    assert Experiment(0).vary(**settings) == Experiment(0).vary(width=16)


def test_the_page_knows_a_choice_by_the_settings_that_it_makes():
    for name, choices in CHOICES.items():
        for label, settings in choices.items():
            if not settings.keys() & {"filter", "pool"}:  # some of those make a network only together with others
                made = page_settings(Experiment(0).vary(**settings))
                assert page_choices()[name][label].items() <= made.items()


@pytest.mark.parametrize(("size", "pooling"), [*product(CHOICES["filter size"], CHOICES["pooling"])])
def test_what_is_refused_cannot_be_built_and_the_rest_can_whatever_else_is_chosen(size, pooling):
    settings = CHOICES["filter size"][size] | CHOICES["pooling"][pooling]
    others = [choices for name, choices in CHOICES.items() if name in ("width", "activation", "dropout")]
    sentence = refused().get(f"{size}, {pooling}")
    for chosen in product(*(each.values() for each in others)):
        rest = {k: v for each in chosen for k, v in each.items()}
        if sentence:
            with pytest.raises(ValueError, match="Stage 2 cannot be built") as caught:
                ConvNetConfig(**settings, **rest)
            assert str(caught.value) == sentence
        else:
            assert min(shape.convolved for shape in ConvNetConfig(**settings, **rest).shapes) > 1
