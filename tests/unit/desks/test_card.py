from visionml.desks.card import Card


def test_a_card_is_text_in_a_terminal_and_a_table_in_a_notebook() -> None:
    card = Card("Endpoint", {"status": "InService", "in production": "<none>"})
    assert repr(card) == "Endpoint\n  status         InService\n  in production  <none>"
    assert "<caption>Endpoint</caption>" in card._repr_html_()
    assert "&lt;none&gt;" in card._repr_html_()
