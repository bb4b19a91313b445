"""An XY stage written in Python that steps by itself: no adapter that Micro-Manager simulates with does."""

from pymmcore_plus.experimental.unicore import XYStageDevice


class SteppingStage(XYStageDevice):
    """Notes what it is told."""

    def __init__(self):
        super().__init__()
        self.at, self.told = (0.0, 0.0), []

    def get_position_um(self):
        return self.at

    def set_position_um(self, x, y):
        self.at = (x, y)

    def home(self):
        pass

    def stop(self):
        pass

    def set_origin_x(self):
        pass

    def set_origin_y(self):
        pass

    def get_sequence_max_length(self):
        return 16

    def send_sequence(self, sequence):
        self.told.append(sequence)

    def start_sequence(self):
        self.told.append("start")

    def stop_sequence(self):
        self.told.append("stop")
