"""The classes that the detector knows, and what is known of them beforehand."""

_COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"
    "parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,"
    "handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,"
    "surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,"
    "broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,"
    "mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,"
    "teddy bear,hair drier,toothbrush"
)
LABELS = tuple(_COCO.split(","))
"""The classes of COCO in the order of the model's scores."""

EVERYDAY = frozenset({"person", "bicycle", "car", "motorcycle", "bus", "truck", "cat", "dog"})
"""Common enough to be believed at a middling score, when seen three times."""

SELDOM = frozenset(
    {
        *("sports ball", "kite", "frisbee", "skis", "snowboard", "surfboard", "tennis racket", "baseball bat"),
        *("baseball glove", "bird", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "airplane", "boat"),
        *("fire hydrant", "stop sign", "parking meter", "traffic light", "umbrella", "toilet", "clock", "scissors"),
        *("hair drier", "toothbrush", "toaster", "tie"),
    }
)
"""What stains, stones, wheels and lamps are mistaken for: believed only at a high score, unless it travels."""

_FAMILIES = (
    frozenset({"car", "truck", "bus", "train"}),
    frozenset({"bicycle", "motorcycle"}),
    frozenset({"cat", "dog", "horse", "sheep", "cow", "bear", "elephant", "zebra", "giraffe", "teddy bear"}),
    frozenset({"bird", "kite", "airplane"}),
    frozenset({"chair", "couch", "bench", "bed"}),
    frozenset({"cup", "bowl", "vase", "wine glass", "bottle"}),
    frozenset({"tv", "laptop", "microwave", "oven"}),
    frozenset({"cell phone", "remote", "book"}),
    frozenset({"backpack", "handbag", "suitcase"}),
    frozenset({"apple", "orange", "sports ball", "frisbee"}),
)


def family(label: str) -> frozenset[str]:
    """The classes that are taken for one another; a class of its own kind stands alone."""
    return next((relatives for relatives in _FAMILIES if label in relatives), frozenset({label}))
