"""What the demo says beside the reports, in the three languages of the reports."""

from typing import Final

_WORDS: Final = {
    "listens": {
        "en": "A Fairlift server listens on {address}; its database is in a temporary folder.",
        "es": "Un servidor de Fairlift escucha en {address}; sus datos van a una carpeta temporal.",
        "ro": "Un server Fairlift ascultă pe {address}; datele sale sunt într-un dosar temporar.",
    },
    "started": {
        "en": "The campaigns {names} started {days} days ago.",
        "es": "Las campañas {names} empezaron hace {days} días.",
        "ro": "Campaniile {names} au început acum {days} de zile.",
    },
    "simulating": {
        "en": "Simulating {days} days",
        "es": "Simulando {days} días",
        "ro": "Se simulează {days} de zile",
    },
    "visitors": {"en": "visitors", "es": "visitantes", "ro": "vizitatori"},
    "day": {"en": "Day {day}", "es": "Día {day}", "ro": "Ziua {day}"},
    "took": {
        "en": "The demo took {seconds} s; the server has stopped.",
        "es": "La demostración tardó {seconds} s; el servidor se ha detenido.",
        "ro": "Demonstrația a durat {seconds} s; serverul s-a oprit.",
    },
    "truth": {
        "en": "The true lifts, known only to the simulator, compared with the reports",
        "es": "Las variaciones reales, que solo conoce el simulador, comparadas con los informes",
        "ro": "Variațiile reale, cunoscute doar de simulator, comparate cu rapoartele",
    },
    "true_lift": {"en": "True lift", "es": "Variación real", "ro": "Variație reală"},
    "measured": {"en": "Measured", "es": "Medida", "ro": "Măsurată"},
    "interval": {"en": "Interval", "es": "Intervalo", "ro": "Interval"},
    "contains": {"en": "Contains it", "es": "La contiene", "ro": "O conține"},
    "yes": {"en": "yes", "es": "sí", "ro": "da"},
    "no": {"en": "no", "es": "no", "ro": "nu"},
    "hits": {
        "en": "{hits} of {rows} intervals contain the true lift; each does so at least 95 times in "
        "100. Every server draws new salts, so the next run assigns visitors a little differently.",
        "es": "{hits} de {rows} intervalos contienen la variación real; cada uno lo hace al menos "
        "95 veces de 100. Cada servidor reparte a los visitantes de otra forma, así que la próxima "
        "vez las cifras cambian un poco.",
        "ro": "{hits} din {rows} intervale conțin variația reală; fiecare o face de cel puțin 95 "
        "de ori din 100. Fiecare server împarte altfel vizitatorii: data viitoare cifrele diferă "
        "puțin.",
    },
}


def say(key: str, language: str, **places: object) -> str:
    """The words in the language, with what belongs in their places."""
    return _WORDS[key][language].format(**places)
