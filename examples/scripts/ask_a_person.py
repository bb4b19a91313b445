"""Images dish after dish: a person puts each in its place, and says whether there is one more.

``parfocal script run ask_a_person.py --rig microscope``; a window or ``parfocal confirm`` brings the answers
"""

from parfocal.runs import Sequence

MOST_DISHES = 20
LOOK = Sequence(time_plan={"interval": 0.5, "loops": 4}, channels=[{"config": "nucleus", "exposure": 10}])


def main(lab):
    for dish in range(1, MOST_DISHES + 1):
        lab.step(f"dish {dish}")
        sample = lab.ask(
            f"which sample is in dish {dish}? Write its name, once it is in its place.", choices=()
        )
        while True:
            lab.run(LOOK, name=f"dish {dish}", notes={"sample": sample}).wait()
            answer = lab.ask("how does it look?", ("next dish", "once more", "that was the last"))
            if answer != "once more":
                break
        if answer == "that was the last":
            return
