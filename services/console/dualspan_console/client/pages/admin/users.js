// The people of this enterprise, and where else than here they may sign in.
import { tenant } from "../../core/session.js";
import { html } from "../../core/view.js";
import { t } from "../../core/words.js";
import { PageHead } from "../../parts/layout.js";
import { People } from "./people.js";
import { Providers } from "./providers.js";
import { RoleList } from "./roles.js";

export default function Users() {
  return html`<${PageHead} title=${t("admin.people")} says=${t("admin.people_says")} />
    <div class="stack"><${People} tenant=${tenant()} /><${Providers} tenant=${tenant()} /><${RoleList} /></div>`;
}
