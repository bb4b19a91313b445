"""A program that opens a window of napari and does what a person does there; run by `test_napari_window`.

It prints what the window told, as JSON: nothing but this process imports napari.
"""

import json
import sys

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.viewers.annotations import Labels, Points, Shapes, Tracks
from parfocal.viewers.content import Content
from parfocal.viewers.display import Display
from parfocal.viewers.napari.viewer import NapariViewer
from parfocal.viewers.panes import PaneTable

told = {}
closed = []
loop = NapariViewer.make_loop(SYSTEM_CLOCK)

from PySide6.QtCore import QPoint, Qt  # noqa: E402 - after what napari needs
from PySide6.QtOpenGLWidgets import QOpenGLWidget  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402

from parfocal.viewers.napari.window import NapariWindow  # noqa: E402

window = NapariWindow("test", sys.argv[1], lambda: closed.append(True))
panes = PaneTable(Display())
content = Content(panes, 2**30)
layers, dims = window.viewer.layers, window.viewer.dims


def paint():
    loop.application.processEvents()
    window.paint(tuple(panes), ())


def do():
    """Let the service do what the person did, and paint; return the actions by their names."""
    panes.take(window.displays())
    actions = window.new_actions()
    for action in actions:
        content.act(action)
    paint()
    return [type(action).__name__ for action in actions]


def names():
    return [layer.name for layer in layers]


def over(name):
    """Return what is called so over the plane that the pane shows."""
    return next(one for one in panes["cells"].annotations if one.name == name)


def plane(value):
    return np.full((64, 96), value, np.uint16)


areas = np.zeros((64, 96), np.int32)
areas[20:44, 30:66] = 7
for t in range(4):
    content.show("cells", {"t": str(t)}, plane(100 * t))
    content.annotate("cells", Points("spots", np.array([[t, t]]), {"t": str(t)}))
    paint()
content.annotate("cells", Labels("areas", areas))
content.annotate("cells", Shapes("box", (np.array([[1, 1], [1, 9], [9, 9.0]]),)))
content.annotate("cells", Tracks("paths", np.array([(1, t, t, 2 * t) for t in range(4)])))
paint()
told["nothing was done"] = do()
told["layers"] = names()
told["labels of sliders"] = list(dims.axis_labels)

layers["cells"].contrast_limits = (5, 300)
layers["cells"].gamma = 0.5
layers["cells"].colormap = "magma"
layers["cells"].visible = False
window.viewer.scene.camera.center, window.viewer.scene.camera.zoom = (30, 40), 3.0
layers.selection.active = layers["cells box"]
do()
shown = panes["cells"].display
told["chosen"] = [shown.low, shown.high, shown.gamma, shown.colormap, shown.center, shown.zoom]
before = [id(layer) for layer in layers]
content.show("cells", {"t": "4"}, plane(400))
paint()
told["after a plane"] = [
    *(float(limit) for limit in layers["cells"].contrast_limits),
    layers["cells"].gamma,
    layers["cells"].colormap.name,
    layers["cells"].visible,
    layers.selection.active.name,
    window.viewer.scene.camera.zoom,
    [id(layer) for layer in layers] == before,
    dims.current_step[0],
]
layers["cells"].visible = True

dims.set_current_step(0, 1)
told["slider"] = [do(), panes["cells"].index, layers["cells spots"].data.tolist()]
content.show("cells", {"t": "5"}, plane(500))
paint()
told["slider stays"] = [panes["cells"].index, dims.current_step[0], dims.nsteps[0]]

layers["cells spots"].add((50, 60))
told["a point added"] = [do(), over("spots").points.tolist()]
layers["cells box"].add_ellipses(np.array([[10, 10], [10, 20], [20, 20], [20, 10]]))
do()
told["an ellipse added"] = len(over("box").polygons)
layers["cells areas"].paint((60, 5), 9)
do()
told["labels painted"] = np.unique(over("areas").image).tolist()
window.viewer.add_points(ndim=3, name="mine")
do()
layers["mine"].add((3, 4))
told["points begun"] = [do(), over("mine").points.tolist()]

layers.selection.active = layers["cells"]
window.viewer.reset_view()
canvas = window.viewer.window._qt_window.findChild(QOpenGLWidget)  # as napari's own tests reach it
loop.application.processEvents()
QTest.mouseClick(canvas, Qt.LeftButton, pos=QPoint(canvas.width() // 2, canvas.height() // 2))
told["a click"] = [do(), list(panes["cells"].picked), "cells picked" in names()]

layers["cells"].auto_contrast = True
do()
told["continuous"] = [panes["cells"].display.contrast, layers["cells"].auto_contrast]
layers.remove(layers["cells spots"])
content.annotate("cells", Points("spots", np.array([[8, 8]]), {"t": "1"}))
paint()
told["removed layers come back"] = "cells spots" in names()
content.remove_annotation("cells", "box")
paint()
told["taken back"] = "cells box" in names()

content.show("colours", {}, np.full((64, 96, 3), (200, 30, 30), np.uint8))
content.set_components("cells", {"t": "layer"})
paint()
told["split"] = [name.split(" ")[1] for name in names() if name.count(" ") == 1 and " t-" in name]
content.set_components("cells", {"t": "dimension"})
paint()
told["joined"] = [name for name in names() if " " not in name]
content.remove("cells")
content.remove("colours")
paint()
told["empty"] = [names(), window.grab().shape[2]]

window.viewer.window._qt_window.close()
loop.application.processEvents()
told["closed"] = closed
print(json.dumps(told))
