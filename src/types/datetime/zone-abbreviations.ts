/**
 * Time zone abbreviations that PostgreSQL's default set (timezone_abbreviations = 'Default') accepts in input, in minutes
 * east of UTC. Abbreviations whose offset changed over the years have their present one.
 */
const byOffset: Readonly<Record<string, string>> = {
  '-660': 'NUT',
  '-600': 'CKT HST TAHT',
  '-570': 'MART',
  '-540': 'AKST GAMT',
  '-480': 'AKDT PST',
  '-420': 'MST PDT',
  '-360': 'CST GALT MDT',
  '-300': 'ACT CDT COT EASST EAST EST PET',
  '-240': 'AMT AST BOT EDT GYT VET',
  '-210': 'NFT NST',
  '-180': 'ADT ARST ART BRA BRT CLST CLT FKST FKT GFT PMST PYST PYT UYT WGT',
  '-150': 'NDT',
  '-120': 'BRST FNT PMDT UYST WGST',
  '-60': 'AZOT EGT FNST',
  '0': 'AZOST EGST GMT UCT UT UTC WET Z ZULU',
  '60': 'BST CET MET MEZ WAT WETDST',
  '120': 'BDST CEST CETDST EET IST MEST MESZ METDST SAST',
  '180': 'EAT EEST EETDST FET IDT MSK VOLT',
  '210': 'IRT',
  '240': 'AMST AZST AZT GEST GET MSD MUT RET SCT',
  '270': 'AFT',
  '300': 'MAWT MUST MVT PKT TFT TJT TMT UZT YEKT',
  '330': 'LKT',
  '345': 'NPT',
  '360': 'ALMT BDT BTT IOT KGST KGT OMSST OMST PKST UZST XJT YEKST',
  '390': 'MMT',
  '420': 'ALMST CXT DAVT ICT KRAST KRAT NOVST NOVT WAST',
  '480': 'AWST BNT BORT CCT HKT IRKST IRKT MYT PHT SGT ULAT WADT',
  '525': 'ACWST',
  '540': 'AWSST JAYT JST KST PWT ULAST WDT YAKST YAKT',
  '570': 'ACST CAST',
  '600': 'AEST CHUT DDUT KDT LIGT MPT PGT TRUT VLAST VLAT YAPT',
  '630': 'ACDT ACSST CADT LHST SADT',
  '660': 'AEDT AESST KOST LHDT MAGST MAGT PONT VUT',
  '720': 'ANAST ANAT FJT GILT MHT NZST NZT PETST PETT TVT WAKT WFT',
  '765': 'CHAST',
  '780': 'FJST NZDT TKT TOT',
  '825': 'CHADT',
  '840': 'LINT',
};

const offsets = new Map<string, number>();
for (const [minutes, names] of Object.entries(byOffset)) {
  for (const name of names.split(' ')) offsets.set(name.toLowerCase(), Number(minutes) * 60);
}

/** Seconds east of UTC of a lower-case abbreviation. */
export function abbreviationOffset(name: string): number | undefined {
  return offsets.get(name);
}
