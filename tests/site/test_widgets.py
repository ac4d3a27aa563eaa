"""What a reader moves on the built pages, by keyboard, agrees with Python."""

from chromium import visit
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from labcode.playground import SoftmaxPlayground


def test_sliders_of_the_softmax_page_move_by_keyboard_and_agree_with_python(browser, address):
    visit(browser, address + "backprop/softmax.html")
    beta = browser.find_element(By.ID, "softmax-beta")
    assert browser.find_element(By.CSS_SELECTOR, "label[for=softmax-beta]").text == "β"

    def shares():
        return [element.text for element in browser.find_elements(By.CLASS_NAME, "softmax-share")]

    def expected(value):
        playground = SoftmaxPlayground((-1.0, 0.0, 1.0, 2.0), value)
        return [f"{share:.1%}" for share in playground.probabilities]

    assert shares() == expected(1.0)
    beta.send_keys(Keys.ARROW_RIGHT * 5)
    assert shares() == expected(1.5)
    beta.send_keys(Keys.HOME)
    assert shares() == expected(-4.0)
    status = browser.find_element(By.CSS_SELECTOR, ".softmax-playground [role=status]")
    WebDriverWait(browser, 5).until(lambda _: status.text.startswith("β is -4: "))
    first = browser.find_element(By.ID, "softmax-x1")
    first.send_keys(Keys.END)
    assert shares() != expected(-4.0)
