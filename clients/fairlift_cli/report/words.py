"""The few words that the report itself adds to the server's sentences, in each language."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlift.v1 import results_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class Words:
    """Headings and labels of one language."""

    verdicts: Mapping[int, str]
    epoch: str
    no_answers: str
    action: str
    evidence: str
    no_verdict: str
    lift_over: str
    interval: str
    anytime: str
    corrected: str
    value: str
    lift: str
    best: str
    visitors: str
    buyers: str
    orders: str
    revenue: str
    net_revenue: str
    why_revenue: str
    segments: str
    same_lift: str
    health: str
    roles: Mapping[int, str]
    margin_holds: str
    margin_open: str
    counts: str
    look: str
    next_look: str
    details: str
    analyst: tuple[str, str, str, str, str]
    flags: Mapping[str, str]
    methods: Mapping[str, str]
    plan: str


def _verdicts(ship: str, harm: str, futile: str, going: str, trust: str) -> dict[int, str]:
    return {
        pb.VERDICT_KIND_SHIP: ship,
        pb.VERDICT_KIND_STOP_HARM: harm,
        pb.VERDICT_KIND_STOP_FUTILE: futile,
        pb.VERDICT_KIND_KEEP_GOING: going,
        pb.VERDICT_KIND_DO_NOT_TRUST: trust,
    }


def _roles(primary: str, secondary: str, guardrail: str) -> dict[int, str]:
    return {
        pb.METRIC_ROLE_PRIMARY: primary,
        pb.METRIC_ROLE_SECONDARY: secondary,
        pb.METRIC_ROLE_GUARDRAIL: guardrail,
    }


def _flags(
    events: str, buyers: str, skewed: str, too_skewed: str, buying: str, adjusted: str
) -> dict[str, str]:
    return {
        "few_events": events,
        "few_buyers": buyers,
        "skewed": skewed,
        "too_skewed": too_skewed,
        "conditional_on_buying": buying,
        "adjusted": adjusted,
    }


def _methods(rate: str, ratio: str, mean: str, adjusted: str) -> dict[str, str]:
    return {
        "Miettinen–Nurminen score test and intervals": rate,
        "ratio of sums per unit, Welch t on its linear form, Fieller lift": ratio,
        "Welch t, Fieller lift": mean,
        "adjusted": adjusted,
    }


_ENGLISH = Words(
    verdicts=_verdicts("SHIP IT", "STOP: HARM", "STOP: NO GAIN", "KEEP GOING", "DO NOT TRUST"),
    epoch="epoch {number}",
    no_answers="The figures below are no answers yet.",
    action="What to do:",
    evidence="Evidence needed so far:",
    no_verdict="There is no verdict yet: nobody has met the campaign.",
    lift_over="{metric}: lift over {control}",
    interval="{level} interval",
    anytime="The intervals of what decides hold however often somebody looks.",
    corrected="Corrected for when it stopped: {lift} ({interval}); as measured {raw}.",
    value="Value",
    lift="Lift",
    best="Best",
    visitors="Visitors",
    buyers="Buyers",
    orders="Orders",
    revenue="Revenue",
    net_revenue="After refunds",
    why_revenue="Where the difference in revenue per visitor comes from",
    segments="{variants} by {attribute}: {metric}, small segments drawn towards the whole",
    same_lift="chance of such differences if the lift is the same everywhere: {p}",
    health="Can the data be trusted?",
    roles=_roles("decides", "also planned", "guardrail"),
    margin_holds="within the margin of {margin}",
    margin_open="not yet proved within the margin of {margin}",
    counts="Counts up to now",
    look="Look {number} at {time}, with {share} of the planned visitors.",
    next_look="The next look is due at {units} visitors, or on {time}.",
    details="Details",
    analyst=("p", "p adj.", "p seq.", "P(better)", "Expected loss"),
    flags=_flags(
        "has few events",
        "has few buyers",
        "has skewed figures",
        "has figures too skewed for its interval",
        "is compared among buyers only",
        "is adjusted by what was known before",
    ),
    methods={},
    plan="Plan",
)

_SPANISH = Words(
    verdicts=_verdicts("ADOPTAR", "PARAR: PERJUDICA", "PARAR: SIN MEJORA", "SEGUIR", "NO FIARSE"),
    epoch="etapa {number}",
    no_answers="Las cifras siguientes aún no son respuestas.",
    action="Qué hacer:",
    evidence="Evidencia necesaria reunida:",
    no_verdict="Aún no hay veredicto: nadie ha visto la campaña.",
    lift_over="{metric}: mejora sobre {control}",
    interval="intervalo del {level}",
    anytime="Los intervalos de lo que decide valen por muchas veces que se mire.",
    corrected="Corregida por el momento de parar: {lift} ({interval}); medida {raw}.",
    value="Valor",
    lift="Mejora",
    best="Mejor",
    visitors="Visitantes",
    buyers="Compradores",
    orders="Pedidos",
    revenue="Ingresos",
    net_revenue="Tras devoluciones",
    why_revenue="De dónde viene la diferencia de ingresos por visitante",
    segments="{variants} por {attribute}: {metric}, los segmentos pequeños acercados al conjunto",
    same_lift="probabilidad de tales diferencias si la mejora es igual en todos: {p}",
    health="¿Son de fiar los datos?",
    roles=_roles("decide", "también previsto", "límite"),
    margin_holds="dentro del margen del {margin}",
    margin_open="aún sin probar que esté dentro del margen del {margin}",
    counts="Recuento hasta ahora",
    look="Análisis {number} del {time}, con el {share} de los visitantes previstos.",
    next_look="El próximo análisis toca con {units} visitantes, o el {time}.",
    details="Detalles",
    analyst=("p", "p ajust.", "p sec.", "P(mejor)", "Pérdida"),
    flags=_flags(
        "tiene pocos sucesos",
        "tiene pocos compradores",
        "tiene cifras asimétricas",
        "tiene cifras demasiado asimétricas para su intervalo",
        "se compara solo entre compradores",
        "está ajustada con lo que se sabía antes",
    ),
    methods=_methods(
        "prueba e intervalos de puntuación de Miettinen–Nurminen",
        "cociente de sumas por unidad, t de Welch sobre su forma lineal, mejora según Fieller",
        "t de Welch, mejora según Fieller",
        "ajustada por variante",
    ),
    plan="Plan",
)

_ROMANIAN = Words(
    verdicts=_verdicts(
        "ADOPTĂ", "OPREȘTE: DĂUNEAZĂ", "OPREȘTE: FĂRĂ CÂȘTIG", "CONTINUĂ", "NU CREDE"
    ),
    epoch="etapa {number}",
    no_answers="Cifrele de mai jos nu sunt încă răspunsuri.",
    action="Ce e de făcut:",
    evidence="Dovezi strânse din cele necesare:",
    no_verdict="Încă nu există verdict: nimeni nu a întâlnit campania.",
    lift_over="{metric}: creștere față de {control}",
    interval="interval de {level}",
    anytime="Intervalele a ceea ce decide sunt valabile oricât de des se privește.",
    corrected="Corectată pentru momentul opririi: {lift} ({interval}); măsurată {raw}.",
    value="Valoare",
    lift="Creștere",
    best="Optimă",
    visitors="Vizitatori",
    buyers="Cumpărători",
    orders="Comenzi",
    revenue="Venit",
    net_revenue="După retururi",
    why_revenue="De unde vine diferența de venit pe vizitator",
    segments="{variants} după {attribute}: {metric}, segmentele mici trase spre întreg",
    same_lift="șansa unor asemenea diferențe dacă toate cresc la fel: {p}",
    health="Sunt datele de încredere?",
    roles=_roles("decide", "planificat și el", "limită"),
    margin_holds="în marja de {margin}",
    margin_open="încă nedovedit în marja de {margin}",
    counts="Numărători până acum",
    look="Analiza {number} din {time}, cu {share} din vizitatorii planificați.",
    next_look="Următoarea analiză vine când vizitatorii sunt {units} sau pe {time}.",
    details="Detalii",
    analyst=("p", "p ajust.", "p secv.", "P(mai bună)", "Pierdere"),
    flags=_flags(
        "are puține evenimente",
        "are puțini cumpărători",
        "are cifre asimetrice",
        "are cifre prea asimetrice pentru intervalul ei",
        "se compară doar între cumpărători",
        "este ajustată cu ce se știa dinainte",
    ),
    methods=_methods(
        "test și intervale de scor Miettinen–Nurminen",
        "raport de sume pe unitate, t Welch pe forma sa liniară, creștere după Fieller",
        "t Welch, creștere după Fieller",
        "ajustată pe variantă",
    ),
    plan="Planul",
)

LANGUAGES: Mapping[str, Words] = {"en": _ENGLISH, "es": _SPANISH, "ro": _ROMANIAN}
